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
 * Where the decoder has noise, decoder_conv takes `noise`, F32 [1, 1, S], too: white noise around its samples.
 * F is 512 in the published networks. Causal graphs (24 kHz) have N = 1, take a BOOL [1] `first` and
 * a state tensor for each layer that keeps one, and output its next value under `next.` and its name.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { GraphBuilder, type Value } from "@vcs/onnx/graph";
import {
  codebookPrefix,
  decoderLayers,
  encoderLayers,
  featureWidth,
  NOISE_FILTERS,
  noiseLayers,
  noiseSplit,
  noiseStep,
  recurrentAt,
} from "./layers.ts";
import type { ModelSpec, NoiseSpec } from "../models.ts";
import { dacDecoderCodes, dacDecoderConv, dacEncoderCodes, dacEncoderConv, isDac } from "./dac.ts";
import {
  isMimi,
  mimiDecoderCodes,
  mimiDecoderConv,
  mimiEncoderCodes,
  mimiEncoderConv,
} from "./mimi.ts";
import { joinedBooks, quantize } from "./quantizer.ts";
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
  if (isMimi(spec)) return mimiEncoderConv(spec, source);
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
  if (isMimi(spec)) return mimiEncoderCodes(spec, source, codebooks);
  const net = start(`encoder_recurrent_${codebooks}`, spec, source);
  const layers = encoderLayers(spec);
  const features = net.g.input("features", "F32", [batch(net), featureWidth(spec), "T"]);
  const latent = net.apply(layers.slice(recurrentAt(layers)), features);
  const books = codebooksOf(net, spec, codebooks);
  const codes = quantize(net.g, net.g.transpose(latent, [0, 2, 1]), books);
  return finish(net, "codes", net.g.concat(codes, 2));
}

function codebooksOf(net: Seanet, { codebookSize, latent }: ModelSpec, count: number) {
  return Array.from(
    { length: count },
    (_, k) => net.tensor(`${codebookPrefix(k)}.embed`, [codebookSize, latent]),
  );
}

/**
 * The recurrent half of the decoder: flattened codes to features. With codebooks of 1,024 entries the
 * flattened code of entry c of codebook k is k · 1024 + c.
 */
export function decoderRecurrentNetwork(spec: ModelSpec, source: TensorSource): Network {
  if (isDac(spec)) return dacDecoderCodes(spec, source);
  if (isMimi(spec)) return mimiDecoderCodes(spec, source);
  const net = start("decoder_recurrent", spec, source);
  const { g } = net;
  const layers = decoderLayers(spec);
  const flatCodes = g.input("flat_codes", "I32", [batch(net), "T", "K"]);
  const table = joinedBooks(codebooksOf(net, spec, spec.codebooks));
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
  if (isMimi(spec)) return mimiDecoderConv(spec, source);
  const net = start("decoder_conv", spec, source);
  const layers = decoderLayers(spec);
  const features = net.g.input("features", "F32", [1, featureWidth(spec), frames ?? "T"]);
  const length = frames ? spec.hop * frames : `${spec.hop}*T`;
  const split = noiseSplit(spec);
  const early = net.apply(layers.slice(recurrentAt(layers) + 1, split), features);
  const computed = net.apply(layers.slice(split), early);
  const audio = net.g.assume(computed, [1, spec.channels, length]);
  const { noise } = spec;
  return finish(
    net,
    "audio",
    noise ? net.g.add(audio, bandsOfNoise(net, spec, noise, early)) : audio,
  );
}

/** White noise in bands, each evenly as loud as the features say: audio [1, 1, 320 T]. */
function bandsOfNoise(net: Seanet, spec: ModelSpec, noise: NoiseSpec, features: Value): Value {
  const { g } = net;
  const { bands, taps, even } = noise;
  const step = noiseStep(spec, noise);
  const perFrame = spec.hop / step;
  const side = (even - 1) / 2;
  const [steps, all] = [`${perFrame}*T`, `${perFrame}*T+${even - 1}`];
  const loudness = g.assume(net.apply(noiseLayers(spec), features), [1, bands, steps]);
  const drawnLength = `${spec.hop}*T+${step * (even - 1) + taps - 1}`;
  const white = g.input("noise", "F32", [1, 1, drawnLength]);
  const filters = g.weight(NOISE_FILTERS, net.tensor(NOISE_FILTERS, [bands, 1, taps]));
  const filtered = g.assume(g.conv(white, filters), [
    1,
    bands,
    `${spec.hop}*T+${step * (even - 1)}`,
  ]);
  const drawn = g.reshape(filtered, [1, bands, all, step]);
  const power = g.averagePool(g.mean(g.mul(drawn, drawn), [3], false), [even], [1]);
  const evenness = g.sqrt(g.add(g.assume(power, [1, bands, steps]), 1e-6));
  const levels = g.div(g.exp(g.min(loudness, 1)), evenness);
  const inner = g.assume(g.slice(drawn, 2, side, -side), [1, bands, steps, step]);
  const sum = g.sum(g.mul(inner, g.unsqueeze(levels, [3])), [1], false);
  return g.reshape(sum, [1, 1, `${spec.hop}*T`]);
}
