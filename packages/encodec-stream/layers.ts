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
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { CODEBOOK_SIZE, type ModelSpec } from "./models.ts";

/** How wide a network is. */
export interface NetworkSize {
  /** Channels of the first and last layer; those of the recurrent layers are 16 times as many. */
  readonly filters: number;
  /** Width of the latent vectors. */
  readonly latent: number;
}

/** Size of the published networks. */
export const PUBLISHED_SIZE: NetworkSize = { filters: 32, latent: 128 };

/** Strides of the decoder; the encoder has them in reverse. Their product is the hop of 320. */
const STRIDES = [8, 5, 4, 2] as const;

/** A convolution over time, with a norm of its own where the model has norms. */
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

/** `shortcut(x) + expand(elu(squeeze(elu(x))))`. */
export interface ResidualLayer {
  /** What it is. */
  readonly kind: "residual";
  /** Three taps, to half the channels. */
  readonly squeeze: ConvLayer;
  /** One tap, back to all channels. */
  readonly expand: ConvLayer;
  /** One tap, all channels. */
  readonly shortcut: ConvLayer;
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

function residual(prefix: string, channels: number): ResidualLayer {
  return {
    kind: "residual",
    squeeze: conv(`${prefix}.block.1`, channels, channels / 2, 3),
    expand: conv(`${prefix}.block.3`, channels / 2, channels, 1),
    shortcut: conv(`${prefix}.shortcut`, channels, channels, 1),
  };
}

/** Layers 0 to 15 of the encoder: samples in, latent vectors out. */
export function encoderLayers(
  { channels }: ModelSpec,
  { filters, latent }: NetworkSize,
): Layer[] {
  const at = (i: number) => `encoder.model.${i}`;
  const stages = [...STRIDES].reverse().flatMap((stride, n): Layer[] => {
    const c = filters * 2 ** n;
    return [residual(at(1 + 3 * n), c), ELU, conv(at(3 + 3 * n), c, 2 * c, 2 * stride, stride)];
  });
  return [
    conv(at(0), channels, filters, 7),
    ...stages,
    { kind: "lstm", prefix: at(13), size: 16 * filters },
    ELU,
    conv(at(15), 16 * filters, latent, 7),
  ];
}

/** Layers 0 to 15 of the decoder: latent vectors in, samples out. */
export function decoderLayers(
  { channels }: ModelSpec,
  { filters, latent }: NetworkSize,
): Layer[] {
  const at = (i: number) => `decoder.model.${i}`;
  const stages = STRIDES.flatMap((stride, n): Layer[] => {
    const from = (16 * filters) / 2 ** n;
    const to = from / 2;
    return [
      ELU,
      { kind: "upsample", prefix: at(3 + 3 * n), from, to, stride },
      residual(at(4 + 3 * n), to),
    ];
  });
  return [
    conv(at(0), latent, 16 * filters, 7),
    { kind: "lstm", prefix: at(1), size: 16 * filters },
    ...stages,
    ELU,
    conv(at(15), filters, channels, 7),
  ];
}

/** Name and shape of a tensor in a checkpoint. */
export type WeightShape = readonly [name: string, shape: readonly number[]];

/** A kernel under weight norm (direction and length) or with a group norm behind it. */
function kernelWeights(
  prefix: string,
  causal: boolean,
  shape: readonly number[],
  outputs: number,
): WeightShape[] {
  const bias: WeightShape = [`${prefix}.bias`, [outputs]];
  if (causal) {
    return [bias, [`${prefix}.weight_g`, [shape[0]!, 1, 1]], [`${prefix}.weight_v`, shape]];
  }
  const norm = prefix.replace(/\.(conv|convtr)$/, ".norm");
  return [bias, [`${prefix}.weight`, shape], [`${norm}.weight`, [outputs]], [
    `${norm}.bias`,
    [outputs],
  ]];
}

function lstmWeights({ prefix, size }: LstmLayer): WeightShape[] {
  return [0, 1].flatMap((l): WeightShape[] => [
    [`${prefix}.lstm.weight_ih_l${l}`, [4 * size, size]],
    [`${prefix}.lstm.weight_hh_l${l}`, [4 * size, size]],
    [`${prefix}.lstm.bias_ih_l${l}`, [4 * size]],
    [`${prefix}.lstm.bias_hh_l${l}`, [4 * size]],
  ]);
}

function layerWeights(layer: Layer, causal: boolean): WeightShape[] {
  switch (layer.kind) {
    case "conv": {
      const { prefix, from, to, kernel } = layer;
      return kernelWeights(`${prefix}.conv.conv`, causal, [to, from, kernel], to);
    }
    case "upsample": {
      const { prefix, from, to, stride } = layer;
      return kernelWeights(`${prefix}.convtr.convtr`, causal, [from, to, 2 * stride], to);
    }
    case "residual":
      return [layer.squeeze, layer.expand, layer.shortcut].flatMap((l) => layerWeights(l, causal));
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

/**
 * The size of the network that a checkpoint holds, from the shapes of its first layer and first
 * codebook; the published one where it lacks those.
 */
export function networkSize(source: TensorSource): NetworkSize {
  const sizeOf = (names: readonly string[], axis: number) => {
    const name = names.find((n) => source.has(n));
    return name === undefined ? undefined : source.info(name).shape[axis];
  };
  const first = "encoder.model.0.conv.conv.weight";
  const { filters, latent } = PUBLISHED_SIZE;
  return {
    filters: sizeOf([`${first}_v`, first], 0) ?? filters,
    latent: sizeOf([`${codebookPrefix(0)}.embed`], 1) ?? latent,
  };
}

function codebookWeights(index: number): WeightShape[] {
  const prefix = codebookPrefix(index);
  const { latent } = PUBLISHED_SIZE;
  return [
    [`${prefix}.inited`, [1]],
    [`${prefix}.cluster_size`, [CODEBOOK_SIZE]],
    [`${prefix}.embed`, [CODEBOOK_SIZE, latent]],
    [`${prefix}.embed_avg`, [CODEBOOK_SIZE, latent]],
  ];
}

/** Every tensor of a published model's checkpoint, sorted by name. */
export function modelWeights(spec: ModelSpec): WeightShape[] {
  const causal = spec.segmentation === undefined;
  const layers = [...encoderLayers(spec, PUBLISHED_SIZE), ...decoderLayers(spec, PUBLISHED_SIZE)];
  return [
    ...layers.flatMap((l) => layerWeights(l, causal)),
    ...Array.from({ length: spec.codebooks }, (_, i) => codebookWeights(i)).flat(),
  ].sort(([a], [b]) => a < b ? -1 : 1);
}

/** Size, layers and heads of the language model. */
export const LM = { size: 200, layers: 5, heads: 8, feedForward: 800 } as const;

/** Every tensor of a language model's checkpoint, sorted by name. */
export function languageModelWeights(spec: ModelSpec): WeightShape[] {
  const { size, layers, feedForward } = LM;
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
    [`emb.${k}.weight`, [CODEBOOK_SIZE + 1, size]],
    [`linears.${k}.weight`, [CODEBOOK_SIZE, size]],
    [`linears.${k}.bias`, [CODEBOOK_SIZE]],
  ];
  return [
    ["transformer.norm_in.weight", [size]] as const,
    ["transformer.norm_in.bias", [size]] as const,
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    ...Array.from({ length: spec.codebooks }, (_, k) => book(k)).flat(),
  ].sort(([a], [b]) => a < b ? -1 : 1);
}
