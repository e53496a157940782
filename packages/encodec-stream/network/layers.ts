/**
 * The layers of EnCodec's encoder and decoder, as the paper's table and the authors' checkpoints
 * number them. Everything else follows from this table: the graphs, the names and shapes of the
 * weights, the state that streaming keeps.
 *
 * Source: "High Fidelity Neural Audio Compression" (arXiv 2210.13438), section 3.1; the numbers in
 * the prefixes are those of the checkpoints' state dicts.
 *
 * @module
 */
import type { ModelSpec, NetworkNorm, NoiseSpec } from "../models.ts";
import { dacWeights, isDac } from "./dac.ts";
import { isMimi, mimiWeights } from "./mimi.ts";

/** A convolution over time, with a norm of its own if the model has norms. */
export interface ConvLayer {
  /** What it is. */
  readonly kind: "conv";
  /** Prefix of its weights, without `.conv.conv`. */
  readonly prefix: string;
  /** Channels in. */
  readonly from: number;
  /** Channels out. */
  readonly to: number;
  /** Taps. */
  readonly kernel: number;
  /** Samples in for one out. */
  readonly stride: number;
}

/** A transposed convolution with twice as many taps as its stride. */
export interface UpsampleLayer {
  /** What it is. */
  readonly kind: "upsample";
  /** Prefix of its weights, without `.convtr.convtr`. */
  readonly prefix: string;
  /** Channels in. */
  readonly from: number;
  /** Channels out. */
  readonly to: number;
  /** Samples out for one in. */
  readonly stride: number;
}

/** `shortcut(x) + expand(elu(squeeze(elu(x))))`; without a shortcut, x itself. */
export interface ResidualLayer {
  /** What it is. */
  readonly kind: "residual";
  /** Three taps, to half the channels. */
  readonly squeeze: ConvLayer;
  /** One tap, back to all channels. */
  readonly expand: ConvLayer;
  /** One tap, all channels. */
  readonly shortcut: ConvLayer | undefined;
}

/** Two recurrent layers with the input added to their output. */
export interface LstmLayer {
  /** What it is. */
  readonly kind: "lstm";
  /** Prefix of its weights. */
  readonly prefix: string;
  /** Size of input, state and output. */
  readonly size: number;
}

/** The activation between layers. */
export interface EluLayer {
  /** What it is. */
  readonly kind: "elu";
}

/** One entry of the table. */
export type Layer = ConvLayer | UpsampleLayer | ResidualLayer | LstmLayer | EluLayer;

const ELU: EluLayer = { kind: "elu" };

function conv(prefix: string, from: number, to: number, kernel: number, stride = 1): ConvLayer {
  return { kind: "conv", prefix, from, to, kernel, stride };
}

function residual(prefix: string, channels: number, hasShortcut: boolean): ResidualLayer {
  return {
    kind: "residual",
    squeeze: conv(`${prefix}.block.1`, channels, channels / 2, 3),
    expand: conv(`${prefix}.block.3`, channels / 2, channels, 1),
    shortcut: hasShortcut ? conv(`${prefix}.shortcut`, channels, channels, 1) : undefined,
  };
}

/** Width of the recurrent layers, and of the features between the halves. */
export function featureWidth({ filters, strides }: ModelSpec): number {
  return filters * 2 ** strides.length;
}

/** A layer by the prefix of its weights. */
type LayerAt = (prefix: string) => Layer;

const elu: LayerAt = () => ELU;

/** Layers under their numbers. */
function numbered(prefix: string, layers: readonly LayerAt[]): Layer[] {
  return layers.map((layer, i) => layer(`${prefix}.${i}`));
}

/** The recurrent layers; a model that has transformers has none among its convolutions. */
function recurrent({ mimi }: ModelSpec, size: number): LayerAt[] {
  return mimi ? [] : [(prefix) => ({ kind: "lstm", prefix, size })];
}

/** The encoder, layers 0 to 15 with four strides: samples in, latent vectors out. */
export function encoderLayers(spec: ModelSpec): Layer[] {
  const { channels, filters, latent, strides, kernel, lastKernel } = spec;
  const size = featureWidth(spec);
  const stages = [...strides].reverse().flatMap((stride, n): LayerAt[] => {
    const c = filters * 2 ** n;
    return [
      (at) => residual(at, c, spec.convShortcut),
      elu,
      (at) => conv(at, c, 2 * c, 2 * stride, stride),
    ];
  });
  return numbered("encoder.model", [
    (at) => conv(at, channels, filters, kernel),
    ...stages,
    ...recurrent(spec, size),
    elu,
    (at) => conv(at, size, latent, lastKernel),
  ]);
}

/** The decoder, layers 0 to 15 with four strides: latent vectors in, samples out. */
export function decoderLayers(spec: ModelSpec): Layer[] {
  const { channels, filters, latent, strides, kernel, lastKernel } = spec;
  const size = featureWidth(spec);
  const stages = strides.flatMap((stride, n): LayerAt[] => {
    const from = size / 2 ** n;
    const to = from / 2;
    return [
      elu,
      (prefix) => ({ kind: "upsample", prefix, from, to, stride }),
      (at) => residual(at, to, spec.convShortcut),
    ];
  });
  return numbered("decoder.model", [
    (at) => conv(at, latent, size, kernel),
    ...recurrent(spec, size),
    ...stages,
    elu,
    (at) => conv(at, filters, channels, lastKernel),
  ]);
}

/** How many of the decoder's layers come before the features that say how loud its noise is. */
export function noiseSplit(spec: ModelSpec): number {
  return recurrentAt(decoderLayers(spec)) + 1 + 3 * (spec.noise?.stage ?? 0);
}

/** The layers from those features to the logarithms of the bands' loudness. */
export function noiseLayers({ noise, ...spec }: ModelSpec): Layer[] {
  if (noise === undefined) return [];
  const width = featureWidth(spec) / 2 ** noise.stage;
  return numbered("decoder.noise", [
    elu,
    (at) => conv(at, width, width / 2, 5),
    elu,
    (at) => conv(at, width / 2, noise.bands, 1),
  ]);
}

/** Samples of one value of loudness. */
export function noiseStep({ hop, strides }: ModelSpec, { stage }: NoiseSpec): number {
  return strides.slice(0, stage).reduce((samples, stride) => samples / stride, hop);
}

/** Name of the filters of the noise's bands, [bands, 1, taps]. */
export const NOISE_FILTERS = "decoder.noise.filters";

/** Index of the recurrent layer in a table; -1 if there is none. */
export function recurrentAt(layers: readonly Layer[]): number {
  return layers.findIndex((layer) => layer.kind === "lstm");
}

/** Frames before a place that the decoder after its recurrent layers needs to be exact there. */
export function sampleContext(spec: ModelSpec): number {
  const layers = decoderLayers(spec);
  const features = layers.slice(recurrentAt(layers) + 1).reduceRight((context, layer) => {
    switch (layer.kind) {
      case "conv":
        return context + layer.kernel - 1;
      case "residual":
        return context + layer.squeeze.kernel - 1;
      case "upsample":
        return Math.ceil(context / layer.stride) + 1;
      case "lstm":
      case "elu":
        return context;
    }
  }, 0);
  return Math.ceil(features / (spec.mimi?.frameFeatures ?? 1));
}

/**
 * Frames that the decoder's half before its convolutions looks back over, or undefined if it never
 * forgets.
 */
export function memoryFrames({ mimi }: ModelSpec): number | undefined {
  return mimi && Math.ceil(mimi.layers * (mimi.window - 1) / mimi.frameFeatures) + 1;
}

/** Name and shape of a tensor in a checkpoint. */
export type WeightShape = readonly [name: string, shape: readonly number[]];

/** A kernel, under weight norm as direction and length, or with the weights of a norm behind it. */
function kernelWeights(
  prefix: string,
  norm: NetworkNorm,
  shape: readonly number[],
  outputs: number,
): WeightShape[] {
  const bias: WeightShape = [`${prefix}.bias`, [outputs]];
  if (norm === "weight") {
    return [bias, [`${prefix}.weight_g`, [shape[0]!, 1, 1]], [`${prefix}.weight_v`, shape]];
  }
  const plain: WeightShape[] = [bias, [`${prefix}.weight`, shape]];
  if (norm === "none") return plain;
  const behind = prefix.replace(/\.(conv|convtr)$/, ".norm");
  return [...plain, [`${behind}.weight`, [outputs]], [`${behind}.bias`, [outputs]]];
}

function lstmWeights({ prefix, size }: LstmLayer): WeightShape[] {
  return [0, 1].flatMap((l): WeightShape[] => [
    [`${prefix}.lstm.weight_ih_l${l}`, [4 * size, size]],
    [`${prefix}.lstm.weight_hh_l${l}`, [4 * size, size]],
    [`${prefix}.lstm.bias_ih_l${l}`, [4 * size]],
    [`${prefix}.lstm.bias_hh_l${l}`, [4 * size]],
  ]);
}

/** The tensors of one layer. */
export function layerWeights(layer: Layer, norm: NetworkNorm): WeightShape[] {
  switch (layer.kind) {
    case "conv": {
      const { prefix, from, to, kernel } = layer;
      return kernelWeights(`${prefix}.conv.conv`, norm, [to, from, kernel], to);
    }
    case "upsample": {
      const { prefix, from, to, stride } = layer;
      return kernelWeights(`${prefix}.convtr.convtr`, norm, [from, to, 2 * stride], to);
    }
    case "residual":
      return [layer.squeeze, layer.expand, layer.shortcut]
        .flatMap((l) => l ? layerWeights(l, norm) : []);
    case "lstm":
      return lstmWeights(layer);
    case "elu":
      return [];
  }
}

/** Prefix of the weights of a codebook. */
export function codebookPrefix(index: number): string {
  return `quantizer.vq.layers.${index}._codebook`;
}

function codebookWeights(index: number, { codebookSize, latent }: ModelSpec): WeightShape[] {
  const prefix = codebookPrefix(index);
  return [
    [`${prefix}.inited`, [1]],
    [`${prefix}.cluster_size`, [codebookSize]],
    [`${prefix}.embed`, [codebookSize, latent]],
    [`${prefix}.embed_avg`, [codebookSize, latent]],
  ];
}

/** Every tensor of a model's checkpoint, as the authors publish theirs, sorted by name. */
export function modelWeights(spec: ModelSpec): WeightShape[] {
  if (isDac(spec)) return dacWeights(spec);
  if (isMimi(spec)) return mimiWeights(spec);
  const layers = [...encoderLayers(spec), ...decoderLayers(spec), ...noiseLayers(spec)];
  const { noise } = spec;
  return [
    ...layers.flatMap((l) => layerWeights(l, spec.norm)),
    ...(noise ? [[NOISE_FILTERS, [noise.bands, 1, noise.taps]] as const] : []),
    ...Array.from({ length: spec.codebooks }, (_, i) => codebookWeights(i, spec)).flat(),
  ].sort(([a], [b]) => a < b ? -1 : 1);
}

/** Every tensor of a language model's checkpoint, sorted by name; none if there is no such model. */
export function languageModelWeights(
  { languageModel, codebooks, codebookSize }: ModelSpec,
): WeightShape[] {
  if (!languageModel) return [];
  const { size, layers, feedForward } = languageModel;
  const layer = (i: number): WeightShape[] => {
    const p = `transformer.layers.${i}`;
    return [
      [`${p}.self_attn.in_proj_weight`, [3 * size, size]],
      [`${p}.self_attn.in_proj_bias`, [3 * size]],
      [`${p}.self_attn.out_proj.weight`, [size, size]],
      [`${p}.self_attn.out_proj.bias`, [size]],
      [`${p}.linear1.weight`, [feedForward, size]],
      [`${p}.linear1.bias`, [feedForward]],
      [`${p}.linear2.weight`, [size, feedForward]],
      [`${p}.linear2.bias`, [size]],
      ...["norm1", "norm2"].flatMap((n): WeightShape[] => [
        [`${p}.${n}.weight`, [size]],
        [`${p}.${n}.bias`, [size]],
      ]),
    ];
  };
  const book = (k: number): WeightShape[] => [
    [`emb.${k}.weight`, [codebookSize + 1, size]],
    [`linears.${k}.weight`, [codebookSize, size]],
    [`linears.${k}.bias`, [codebookSize]],
  ];
  return [
    ["transformer.norm_in.weight", [size]] as const,
    ["transformer.norm_in.bias", [size]] as const,
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    ...Array.from({ length: codebooks }, (_, k) => book(k)).flat(),
  ].sort(([a], [b]) => a < b ? -1 : 1);
}
