/**
 * EnCodec as four ONNX graphs. Encoder and decoder are each cut at the recurrent layers, because
 * the two halves want to be run differently: the recurrent half, whose time goes into fetching
 * weights, takes many segments at once and can run ahead alone to seek in a stream; the half that
 * works on samples, whose time goes into arithmetic, takes one segment per processor.
 *
 * | graph | input | output |
 * |---|---|---|
 * | analysis | audio F32 [1, C, S] | features F32 [1, F, T] |
 * | coding | features F32 [N, F, T] | codes I64 [N, T, K] |
 * | prediction | rows I32 [N, T, K] | features F32 [N, F, T] |
 * | synthesis | features F32 [1, F, T] | audio F32 [1, C, 320 T] |
 *
 * F is 512 in the published networks. Causal graphs (24 kHz) have N = 1, take a BOOL [1] `first` and a tensor per layer that remembers,
 * and give each of these again with `next.` before its name.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { GraphBuilder, type Value } from "@vcs/onnx/graph";
import { derive } from "@vcs/onnx/weights";
import {
  codebookPrefix,
  decoderLayers,
  encoderLayers,
  type Layer,
  type NetworkSize,
  networkSize,
} from "./layers.ts";
import { CODEBOOK_SIZE, HOP, type ModelSpec } from "./models.ts";
import { Seanet, type StateTensor } from "./seanet.ts";

/** A graph and the state that it carries from call to call. */
export interface Network {
  /** The graph. */
  readonly graph: GraphBuilder;
  /** State tensors; none where segments are independent. */
  readonly state: readonly StateTensor[];
}

/** Width of the features between the halves: that of the recurrent layers. */
const featuresOf = ({ filters }: NetworkSize) => 16 * filters;

/** Where the recurrent layer stands in a table. */
function recurrentAt(layers: readonly Layer[]): number {
  return layers.findIndex((layer) => layer.kind === "lstm");
}

function start(name: string, spec: ModelSpec, source: TensorSource): Seanet {
  return new Seanet(new GraphBuilder(name), source, spec.segmentation === undefined);
}

function finish({ g, state }: Seanet, name: string, value: Value): Network {
  g.output(name, value);
  return { graph: g, state };
}

/** Batch of the recurrent halves: segments are many, a stream is one. */
const batch = ({ causal }: Seanet) => causal ? 1 : "N";

/**
 * The encoder up to the recurrent layers: audio to features.
 *
 * @param samples length of the audio where it is known: the graph is then cut to fit the cache
 */
export function analysisNetwork(spec: ModelSpec, source: TensorSource, samples?: number): Network {
  const net = start("analysis", spec, source);
  const size = networkSize(source);
  const layers = encoderLayers(spec, size);
  const audio = net.g.input("audio", "F32", [1, spec.channels, samples ?? "S"]);
  const features = net.apply(layers.slice(0, recurrentAt(layers)), audio, HOP);
  const frames = samples === undefined ? "T" : Math.ceil(samples / HOP);
  return finish(net, "features", net.g.assume(features, [1, featuresOf(size), frames]));
}

/** The encoder from the recurrent layers on, and the quantiser: features to codes. */
export function codingNetwork(spec: ModelSpec, source: TensorSource, codebooks: number): Network {
  const net = start(`coding_${codebooks}`, spec, source);
  const size = networkSize(source);
  const layers = encoderLayers(spec, size);
  const features = net.g.input("features", "F32", [batch(net), featuresOf(size), "T"]);
  const latent = net.apply(layers.slice(recurrentAt(layers)), features);
  return finish(net, "codes", quantize(net, latent, codebooks, size.latent));
}

function codebook(net: Seanet, index: number, width: number) {
  return net.tensor(`${codebookPrefix(index)}.embed`, [CODEBOOK_SIZE, width]);
}

/**
 * Nearest entry of each codebook to what the ones before left over, with the distance written as
 * the authors write it, so that near ties fall the same way.
 */
function quantize(net: Seanet, latent: Value, codebooks: number, width: number): Value {
  const { g } = net;
  let rest = g.transpose(latent, [0, 2, 1]);
  const codes = Array.from({ length: codebooks }, (_, k) => {
    const entries = codebook(net, k, width);
    const table = g.weight(`codebook_${k}`, entries);
    const columns = derive(
      [entries],
      [width, CODEBOOK_SIZE],
      ([e]) =>
        Float32Array.from(
          e,
          (_, i) => e[i % CODEBOOK_SIZE * width + Math.floor(i / CODEBOOK_SIZE)]!,
        ),
    );
    const squares = derive([entries], [CODEBOOK_SIZE], ([e]) => rowSquares(e, width));
    const product = g.matmul(g.mul(rest, 2), g.weight(`columns_${k}`, columns));
    const left = g.sub(g.sum(g.mul(rest, rest), [2]), product);
    const code = g.argMin(g.add(left, g.weight(`squares_${k}`, squares)), 2);
    rest = g.sub(rest, g.gather(table, code));
    return g.unsqueeze(code, [2]);
  });
  return g.concat(codes, 2);
}

function rowSquares(entries: Float32Array, width: number): Float32Array {
  return Float32Array.from(
    { length: CODEBOOK_SIZE },
    (_, row) => entries.subarray(row * width, (row + 1) * width).reduce((sum, v) => sum + v * v, 0),
  );
}

/**
 * The decoder up to the recurrent layers: rows of the codebooks to features. Row k · 1024 + c is
 * entry c of codebook k.
 */
export function predictionNetwork(spec: ModelSpec, source: TensorSource): Network {
  const net = start("prediction", spec, source);
  const { g } = net;
  const size = networkSize(source);
  const layers = decoderLayers(spec, size);
  const rows = g.input("rows", "I32", [batch(net), "T", "K"]);
  const books = Array.from({ length: spec.codebooks }, (_, k) => codebook(net, k, size.latent));
  const table = derive(books, [spec.codebooks * CODEBOOK_SIZE, size.latent], (all) => {
    const joined = new Float32Array(spec.codebooks * CODEBOOK_SIZE * size.latent);
    (all as Float32Array[]).forEach((book, k) => joined.set(book, k * book.length));
    return joined;
  });
  const vectors = g.sum(g.gather(g.weight("codebooks", table), rows), [2], false);
  const latent = g.transpose(vectors, [0, 2, 1]);
  const features = net.apply(layers.slice(0, recurrentAt(layers) + 1), latent);
  return finish(net, "features", features);
}

/**
 * The decoder from the recurrent layers on: features to audio.
 *
 * @param frames number of frames where it is known: the graph is then cut to fit the cache
 */
export function synthesisNetwork(spec: ModelSpec, source: TensorSource, frames?: number): Network {
  const net = start("synthesis", spec, source);
  const size = networkSize(source);
  const layers = decoderLayers(spec, size);
  const features = net.g.input("features", "F32", [1, featuresOf(size), frames ?? "T"]);
  const audio = net.apply(layers.slice(recurrentAt(layers) + 1), features);
  return finish(
    net,
    "audio",
    net.g.assume(audio, [1, spec.channels, frames ? HOP * frames : `${HOP}*T`]),
  );
}
