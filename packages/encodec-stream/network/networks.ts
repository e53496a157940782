/**
 * EnCodec as four ONNX graphs. Encoder and decoder are each cut at the recurrent layers, because
 * the two halves are best run differently: the recurrent half, which is bound by reading weights,
 * takes many segments at once and can run ahead alone to seek in a stream; the convolutional half,
 * which is bound by arithmetic, takes one segment per processor.
 *
 * | graph | input | output |
 * |---|---|---|
 * | encoder_conv | audio F32 [1, C, S] | features F32 [1, F, T] |
 * | encoder_recurrent | features F32 [N, F, T] | codes I64 [N, T, K] |
 * | decoder_recurrent | flat_codes I32 [N, T, K] | features F32 [N, F, T] |
 * | decoder_conv | features F32 [1, F, T] | audio F32 [1, C, 320 T] |
 *
 * F is 512 in the published networks. Causal graphs (24 kHz) have N = 1, take a BOOL [1] `first` and
 * a state tensor for each layer that keeps one, and output its next value under `next.` and its name.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { derive, GraphBuilder, type Value } from "@vcs/onnx/graph";
import {
  codebookPrefix,
  decoderLayers,
  encoderLayers,
  featureWidth,
  recurrentAt,
} from "./layers.ts";
import type { ModelSpec } from "../models.ts";
import { dacDecoderCodes, dacDecoderConv, dacEncoderCodes, dacEncoderConv, isDac } from "./dac.ts";
import { Seanet, type StateTensor } from "./seanet.ts";

/** A graph and the state that it carries from call to call. */
export interface Network {
  /** The graph. */
  readonly graph: GraphBuilder;
  /** State tensors; none where segments are independent. */
  readonly state: readonly StateTensor[];
}

function start(name: string, spec: ModelSpec, source: TensorSource): Seanet {
  return new Seanet(new GraphBuilder(name), source, spec);
}

function finish({ g, state }: Seanet, name: string, value: Value): Network {
  g.output(name, value);
  return { graph: g, state };
}

/** Batch of the recurrent halves: segments are many, a stream is one. */
const batch = ({ causal }: Seanet) => causal ? 1 : "N";

/**
 * The convolutional half of the encoder, up to the recurrent layers: audio to features.
 *
 * @param samples length of the audio if it is known: the graph is then cut into tiles that fit the
 * cache
 */
export function encoderConvNetwork(
  spec: ModelSpec,
  source: TensorSource,
  samples?: number,
): Network {
  if (isDac(spec)) return dacEncoderConv(spec, source);
  const net = start("encoder_conv", spec, source);
  const layers = encoderLayers(spec);
  const audio = net.g.input("audio", "F32", [1, spec.channels, samples ?? "S"]);
  const features = net.apply(layers.slice(0, recurrentAt(layers)), audio, spec.hop);
  const frames = samples === undefined ? "T" : Math.ceil(samples / spec.hop);
  return finish(net, "features", net.g.assume(features, [1, featureWidth(spec), frames]));
}

/** The recurrent half of the encoder, and the quantiser: features to codes. */
export function encoderRecurrentNetwork(
  spec: ModelSpec,
  source: TensorSource,
  codebooks: number,
): Network {
  if (isDac(spec)) return dacEncoderCodes(spec, source, codebooks);
  const net = start(`encoder_recurrent_${codebooks}`, spec, source);
  const layers = encoderLayers(spec);
  const features = net.g.input("features", "F32", [batch(net), featureWidth(spec), "T"]);
  const latent = net.apply(layers.slice(recurrentAt(layers)), features);
  return finish(net, "codes", quantize(net, spec, latent, codebooks));
}

function codebook(net: Seanet, { codebookSize, latent }: ModelSpec, index: number) {
  return net.tensor(`${codebookPrefix(index)}.embed`, [codebookSize, latent]);
}

/**
 * Residual quantisation: the nearest entry of each codebook to the residual of those before it, with
 * the distance written as the authors write it, so that near ties are resolved the same way.
 */
function quantize(net: Seanet, spec: ModelSpec, latent: Value, codebooks: number): Value {
  const { g } = net;
  const { codebookSize: size, latent: width } = spec;
  let residual = g.transpose(latent, [0, 2, 1]);
  const codes = Array.from({ length: codebooks }, (_, k) => {
    const entries = codebook(net, spec, k);
    const table = g.weight(`codebook_${k}`, entries);
    const columns = derive(
      [entries],
      [width, size],
      ([e]) => Float32Array.from(e, (_, i) => e[i % size * width + Math.floor(i / size)]!),
    );
    const squares = derive([entries], [size], ([e]) => rowSquares(e, width));
    const product = g.matmul(g.mul(residual, 2), g.weight(`columns_${k}`, columns));
    const left = g.sub(g.sum(g.mul(residual, residual), [2]), product);
    const code = g.argMin(g.add(left, g.weight(`squares_${k}`, squares)), 2);
    residual = g.sub(residual, g.gather(table, code));
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
 * The recurrent half of the decoder: flattened codes to features. With codebooks of 1,024 entries the
 * flattened code of entry c of codebook k is k · 1024 + c.
 */
export function decoderRecurrentNetwork(spec: ModelSpec, source: TensorSource): Network {
  if (isDac(spec)) return dacDecoderCodes(spec, source);
  const net = start("decoder_recurrent", spec, source);
  const { g } = net;
  const layers = decoderLayers(spec);
  const flatCodes = g.input("flat_codes", "I32", [batch(net), "T", "K"]);
  const books = Array.from({ length: spec.codebooks }, (_, k) => codebook(net, spec, k));
  const rowCount = spec.codebooks * spec.codebookSize;
  const table = derive(books, [rowCount, spec.latent], (all) => {
    const joined = new Float32Array(rowCount * spec.latent);
    (all as Float32Array[]).forEach((book, k) => joined.set(book, k * book.length));
    return joined;
  });
  const vectors = g.sum(g.gather(g.weight("codebooks", table), flatCodes), [2], false);
  const latent = g.transpose(vectors, [0, 2, 1]);
  const features = net.apply(layers.slice(0, recurrentAt(layers) + 1), latent);
  return finish(net, "features", features);
}

/**
 * The convolutional half of the decoder, after the recurrent layers: features to audio.
 *
 * @param frames number of frames if it is known: the graph is then cut into tiles that fit the cache
 */
export function decoderConvNetwork(
  spec: ModelSpec,
  source: TensorSource,
  frames?: number,
): Network {
  if (isDac(spec)) return dacDecoderConv(spec, source);
  const net = start("decoder_conv", spec, source);
  const layers = decoderLayers(spec);
  const features = net.g.input("features", "F32", [1, featureWidth(spec), frames ?? "T"]);
  const audio = net.apply(layers.slice(recurrentAt(layers) + 1), features);
  return finish(
    net,
    "audio",
    net.g.assume(audio, [1, spec.channels, frames ? spec.hop * frames : `${spec.hop}*T`]),
  );
}
