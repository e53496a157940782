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
import { derive } from "@vcs/onnx";
import {
  codebookPrefix,
  decoderLayers,
  encoderLayers,
  featureWidth,
  recurrentAt,
} from "./layers.ts";
import type { ModelSpec } from "../models.ts";
import { Seanet, type StateTensor } from "./seanet.ts";

/** A graph and the state that it carries from call to call. */
export interface Network {
  /** The graph. */
  readonly graph: GraphBuilder;
  /** State tensors; none where segments are independent. */
  readonly state: readonly StateTensor[];
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
  const layers = encoderLayers(spec);
  const audio = net.g.input("audio", "F32", [1, spec.channels, samples ?? "S"]);
  const features = net.apply(layers.slice(0, recurrentAt(layers)), audio, spec.hop);
  const frames = samples === undefined ? "T" : Math.ceil(samples / spec.hop);
  return finish(net, "features", net.g.assume(features, [1, featureWidth(spec), frames]));
}

/** The encoder from the recurrent layers on, and the quantiser: features to codes. */
export function codingNetwork(spec: ModelSpec, source: TensorSource, codebooks: number): Network {
  const net = start(`coding_${codebooks}`, spec, source);
  const layers = encoderLayers(spec);
  const features = net.g.input("features", "F32", [batch(net), featureWidth(spec), "T"]);
  const latent = net.apply(layers.slice(recurrentAt(layers)), features);
  return finish(net, "codes", quantize(net, spec, latent, codebooks));
}

function codebook(net: Seanet, { codebookSize, latent }: ModelSpec, index: number) {
  return net.tensor(`${codebookPrefix(index)}.embed`, [codebookSize, latent]);
}

/**
 * Nearest entry of each codebook to what the ones before left over, with the distance written as
 * the authors write it, so that near ties fall the same way.
 */
function quantize(net: Seanet, spec: ModelSpec, latent: Value, codebooks: number): Value {
  const { g } = net;
  const { codebookSize: size, latent: width } = spec;
  let rest = g.transpose(latent, [0, 2, 1]);
  const codes = Array.from({ length: codebooks }, (_, k) => {
    const entries = codebook(net, spec, k);
    const table = g.weight(`codebook_${k}`, entries);
    const columns = derive(
      [entries],
      [width, size],
      ([e]) => Float32Array.from(e, (_, i) => e[i % size * width + Math.floor(i / size)]!),
    );
    const squares = derive([entries], [size], ([e]) => rowSquares(e, width));
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
    { length: entries.length / width },
    (_, row) => entries.subarray(row * width, (row + 1) * width).reduce((sum, v) => sum + v * v, 0),
  );
}

/**
 * The decoder up to the recurrent layers: rows of the codebooks to features. Entry c of codebook k
 * is row k · 1024 + c where codebooks have 1,024 entries.
 */
export function predictionNetwork(spec: ModelSpec, source: TensorSource): Network {
  const net = start("prediction", spec, source);
  const { g } = net;
  const layers = decoderLayers(spec);
  const rows = g.input("rows", "I32", [batch(net), "T", "K"]);
  const books = Array.from({ length: spec.codebooks }, (_, k) => codebook(net, spec, k));
  const rowCount = spec.codebooks * spec.codebookSize;
  const table = derive(books, [rowCount, spec.latent], (all) => {
    const joined = new Float32Array(rowCount * spec.latent);
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
  const layers = decoderLayers(spec);
  const features = net.g.input("features", "F32", [1, featureWidth(spec), frames ?? "T"]);
  const audio = net.apply(layers.slice(recurrentAt(layers) + 1), features);
  return finish(
    net,
    "audio",
    net.g.assume(audio, [1, spec.channels, frames ? spec.hop * frames : `${spec.hop}*T`]),
  );
}
