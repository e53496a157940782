/**
 * Mimi, the codec of Moshi ("Moshi: a speech-text foundation model", arXiv 2410.00037), as the same
 * four graphs as EnCodec: its convolutions are EnCodec's with other numbers; between them and the
 * codes there are a transformer and a change to half the rate in place of recurrent layers, and
 * codes are those of two quantisers side by side. Names of weights are those of transformers.
 *
 * | graph | input | output |
 * |---|---|---|
 * | encoder_conv | audio F32 [1, C, S] | features F32 [1, L, 2 T] |
 * | encoder_transformer | features F32 [1, L, 2 T] | codes I64 [1, T, K] |
 * | decoder_transformer | flat_codes I32 [1, T, K] | features F32 [1, L, 2 T] |
 * | decoder_conv | features F32 [1, L, 2 T] | audio F32 [1, C, hop · T] |
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import {
  derive,
  GraphBuilder,
  interleave,
  type LazyTensor,
  slidingWindow,
  transformerLayer,
  type TransformerWeights,
  transposed,
  type Value,
} from "@vcs/onnx/graph";
import type { MimiSpec, ModelSpec } from "../models.ts";
import { decoderLayers, encoderLayers, layerWeights, type WeightShape } from "./layers.ts";
import type { Network } from "./networks.ts";
import { padToStride, TIME } from "./padding.ts";
import { joinedBooks, quantize } from "./quantizer.ts";
import { Seanet } from "./seanet.ts";

/** The numbers of a Mimi model. */
type Spec = ModelSpec & { readonly mimi: MimiSpec };

/** Whether a model is Mimi. */
export function isMimi(spec: ModelSpec): spec is Spec {
  return spec.mimi !== undefined;
}

function start(name: string, spec: Spec, source: TensorSource): Seanet {
  return new Seanet(new GraphBuilder(name), source, spec);
}

function finish({ g, state }: Seanet, name: string, value: Value): Network {
  g.output(name, value);
  return { graph: g, state };
}

/** Audio to features. */
export function mimiEncoderConv(spec: Spec, source: TensorSource): Network {
  const net = start("encoder_conv", spec, source);
  const audio = net.g.input("audio", "F32", [1, spec.channels, "S"]);
  const features = net.apply(encoderLayers(spec), audio);
  return finish(net, "features", net.g.assume(features, [1, spec.latent, "T"]));
}

/** Features to audio. */
export function mimiDecoderConv(spec: Spec, source: TensorSource): Network {
  const net = start("decoder_conv", spec, source);
  const features = net.g.input("features", "F32", [1, spec.latent, "T"]);
  return finish(net, "audio", net.apply(decoderLayers(spec), features));
}

/** Names of a transformer layer's tensors by what they are to it. */
const MATRICES = {
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  output: "self_attn.o_proj",
  up: "mlp.fc1",
  down: "mlp.fc2",
} as const;

function matrixShape(part: keyof typeof MATRICES, { latent, mimi }: Spec): [number, number] {
  if (part === "up") return [mimi.feedForward, latent];
  return part === "down" ? [latent, mimi.feedForward] : [latent, latent];
}

function layerSource(net: Seanet, spec: Spec, prefix: string): TransformerWeights {
  const row = (name: string) => net.tensor(`${prefix}.${name}`, [spec.latent]);
  const norm = (name: string) => ({ weight: row(`${name}.weight`), bias: row(`${name}.bias`) });
  const matrix = (part: keyof typeof MATRICES) =>
    net.tensor(`${prefix}.${MATRICES[part]}.weight`, matrixShape(part, spec));
  return {
    attentionNorm: norm("input_layernorm"),
    query: matrix("query"),
    key: matrix("key"),
    value: matrix("value"),
    output: matrix("output"),
    attentionScale: row("self_attn_layer_scale.scale"),
    feedForwardNorm: norm("post_attention_layernorm"),
    up: matrix("up"),
    down: matrix("down"),
    feedForwardScale: row("mlp_layer_scale.scale"),
  };
}

/** The transformer of one half over features [1, L, T]. */
function transformer(net: Seanet, spec: Spec, prefix: string, features: Value): Value {
  const { g } = net;
  const { latent, mimi: { heads, layers, window } } = spec;
  const width = latent / heads;
  let x = g.transpose(g.squeeze(features, [0]), [1, 0]);
  const seen = slidingWindow(g, x, net.past("past.known", [window - 1]), width);
  net.keep("past.known", seen.known);
  for (let l = 0; l < layers; l++) {
    const name = `${prefix}.layers.${l}`;
    const shape = [heads, window - 1, width];
    const past = {
      key: net.past(`past.${l}.key`, shape),
      value: net.past(`past.${l}.value`, shape),
    };
    const layer = transformerLayer(g, name, x, layerSource(net, spec, name), past, seen);
    net.keep(`past.${l}.key`, layer.past.key);
    net.keep(`past.${l}.value`, layer.past.value);
    x = layer.y;
  }
  return g.unsqueeze(g.transpose(x, [1, 0]), [0]);
}

/** To the rate of codes: a strided convolution; at the edges the first and last feature are repeated. */
function downsample(net: Seanet, { latent, mimi }: Spec, x: Value): Value {
  const { g } = net;
  const stride = mimi.frameFeatures;
  const name = "downsample.conv.weight";
  const past = net.past("past.downsample", [1, latent, stride]);
  const head = g.where(net.isFirst(), g.slice(x, TIME, 0, 1), past);
  const joined = g.concat([g.assume(head, past.shape), x], TIME);
  net.keep("past.downsample", g.slice(joined, TIME, -stride));
  const padded = padToStride(g, joined, x, stride, "edge");
  const weight = g.weight(name, net.tensor(name, [latent, latent, 2 * stride]));
  return g.assume(g.conv(padded, weight, undefined, { stride }), [1, latent, "F"]);
}

/** To the rate of features: a transposed convolution of each channel on its own. */
function upsample(net: Seanet, { latent, mimi }: Spec, x: Value): Value {
  const { g } = net;
  const stride = mimi.frameFeatures;
  const past = net.past("past.upsample", [1, latent, 1]);
  const joined = g.concat([past, x], TIME);
  net.keep("past.upsample", g.slice(joined, TIME, -1));
  const kernel = net.tensor("upsample.conv.weight", [latent, 1, 2 * stride]);
  // Row c · stride + j: what sample j of a step has of the frame before, and of its own.
  const rows = derive([kernel], [latent * stride, 1, 2], ([w]) =>
    w.map((_, i) => {
      const [row, own] = [Math.floor(i / 2), i % 2];
      const channel = Math.floor(row / stride);
      return w[channel * 2 * stride + row % stride + (own ? 0 : stride)]!;
    }));
  const steps = g.conv(joined, g.weight("upsample.rows", rows), undefined, { groups: latent });
  return interleave(g, g.assume(steps, [1, latent * stride, x.shape[TIME]!]), stride);
}

/** One of the two quantisers. */
interface Quantizer {
  readonly prefix: string;
  /** Number of its first codebook among all. */
  readonly first: number;
  readonly codebooks: number;
}

/** The quantisers of so many codebooks: the first is for meaning, the second for sound. */
function quantizers({ mimi: { semanticCodebooks } }: Spec, codebooks: number): Quantizer[] {
  const semantic = Math.min(codebooks, semanticCodebooks);
  const at = (kind: string) => `quantizer.${kind}_residual_vector_quantizer`;
  return [
    { prefix: at("semantic"), first: 0, codebooks: semantic },
    { prefix: at("acoustic"), first: semantic, codebooks: codebooks - semantic },
  ].filter((quantizer) => quantizer.codebooks > 0);
}

/** The codebooks of a quantiser: what training has summed up, by how often. */
function booksOf(net: Seanet, spec: Spec, { prefix, codebooks }: Quantizer): LazyTensor[] {
  const { codebookSize: size, mimi: { codeWidth: width } } = spec;
  return Array.from({ length: codebooks }, (_, k) => {
    const at = `${prefix}.layers.${k}.codebook`;
    const sums = net.tensor(`${at}.embed_sum`, [size, width]);
    const counts = net.tensor(`${at}.cluster_usage`, [size]);
    return derive(
      [sums, counts],
      [size, width],
      ([sum, count]) => sum.map((v, i) => v / Math.max(count[Math.floor(i / width)]!, 1e-5)),
    );
  });
}

/** A projection without bias over vectors [N, T, from]. */
function project(net: Seanet, x: Value, name: string, to: number): Value {
  const from = Number(x.shape[2]);
  const kernel = net.tensor(`${name}.weight`, [to, from, 1]);
  const matrix = transposed(derive([kernel], [to, from], ([w]) => w));
  return net.g.matmul(x, net.g.weight(name, matrix));
}

/** Features to codes. */
export function mimiEncoderCodes(spec: Spec, source: TensorSource, codebooks: number): Network {
  const net = start(`encoder_transformer_${codebooks}`, spec, source);
  const { g } = net;
  const features = g.input("features", "F32", [1, spec.latent, "T"]);
  const frames = downsample(net, spec, transformer(net, spec, "encoder_transformer", features));
  const vectors = g.transpose(frames, [0, 2, 1]);
  const codes = quantizers(spec, codebooks).flatMap((quantizer) => {
    const inner = project(net, vectors, `${quantizer.prefix}.input_proj`, spec.mimi.codeWidth);
    return quantize(g, inner, booksOf(net, spec, quantizer), quantizer.first);
  });
  return finish(net, "codes", g.concat(codes, 2));
}

/** Flattened codes to features. */
export function mimiDecoderCodes(spec: Spec, source: TensorSource): Network {
  const net = start("decoder_transformer", spec, source);
  const { g } = net;
  const flat = g.input("flat_codes", "I32", [1, "T", "K"]);
  const both = quantizers(spec, spec.codebooks);
  const books = joinedBooks(both.flatMap((quantizer) => booksOf(net, spec, quantizer)));
  const vectors = g.gather(g.weight("codebooks", books), flat);
  const parts = both.map(({ prefix, first, codebooks }) => {
    const end = first + codebooks;
    const own = g.slice(vectors, 2, first, end < spec.codebooks ? end : undefined);
    return project(net, g.sum(own, [2], false), `${prefix}.output_proj`, spec.latent);
  });
  const frames = parts.reduce((sum, part) => g.add(sum, part));
  const features = upsample(net, spec, g.transpose(frames, [0, 2, 1]));
  return finish(net, "features", transformer(net, spec, "decoder_transformer", features));
}

function transformerWeights(prefix: string, spec: Spec): WeightShape[] {
  const rows = ["input_layernorm.weight", "input_layernorm.bias", "self_attn_layer_scale.scale"]
    .concat("post_attention_layernorm.weight", "post_attention_layernorm.bias")
    .concat("mlp_layer_scale.scale");
  const parts = Object.keys(MATRICES) as (keyof typeof MATRICES)[];
  return Array.from({ length: spec.mimi.layers }, (_, l) => `${prefix}.layers.${l}`).flatMap((
    at,
  ) => [
    ...rows.map((row): WeightShape => [`${at}.${row}`, [spec.latent]]),
    ...parts.map((p): WeightShape => [`${at}.${MATRICES[p]}.weight`, matrixShape(p, spec)]),
  ]);
}

function quantizerWeights({ prefix, codebooks }: Quantizer, spec: Spec): WeightShape[] {
  const { latent, codebookSize, mimi: { codeWidth } } = spec;
  const books = Array.from({ length: codebooks }, (_, k): WeightShape[] => {
    const at = `${prefix}.layers.${k}.codebook`;
    return [
      [`${at}.initialized`, [1]],
      [`${at}.cluster_usage`, [codebookSize]],
      [`${at}.embed_sum`, [codebookSize, codeWidth]],
    ];
  });
  return [
    [`${prefix}.input_proj.weight`, [codeWidth, latent, 1]] as const,
    [`${prefix}.output_proj.weight`, [latent, codeWidth, 1]] as const,
    ...books.flat(),
  ];
}

/** Every tensor of a model's file, sorted by name; those of the convolutions under EnCodec's names. */
export function mimiWeights(spec: Spec): WeightShape[] {
  const { latent, mimi: { frameFeatures } } = spec;
  return [
    ...[...encoderLayers(spec), ...decoderLayers(spec)].flatMap((l) => layerWeights(l, spec.norm)),
    ...["encoder_transformer", "decoder_transformer"].flatMap((p) => transformerWeights(p, spec)),
    ["downsample.conv.weight", [latent, latent, 2 * frameFeatures]] as const,
    ["upsample.conv.weight", [latent, 1, 2 * frameFeatures]] as const,
    ...quantizers(spec, spec.codebooks).flatMap((q) => quantizerWeights(q, spec)),
  ].sort(([a], [b]) => a < b ? -1 : 1);
}
