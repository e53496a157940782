/**
 * CLIP's towers (Radford et al. 2021, as published in openai/CLIP `model.py`): the image tower of any
 * size as a vision transformer, and the graph of its text tower.
 *
 * @module
 */
import {
  type BlockWeights,
  type Dim,
  type GraphBuilder,
  type Layer,
  type LazyTensor,
  type MlpActivation,
  type Norm,
  type Precision,
  TransformerBuilder,
  type Value,
  type WeightForm,
} from "@vcs/onnx";
import { type Colours, placed, type Vit, vitGraph } from "../vit/vit.ts";
import type { TextConfig, TowerWeights, VisionConfig } from "./weights.ts";
import { CLIP_MEAN, CLIP_STD } from "./preprocess.ts";

/** Activation between the two layers of a block's MLP. */
export type Activation = MlpActivation;

export type { Precision, WeightForm };

/** How a tower is built. */
export interface ClipGraphOptions {
  /** The activation that the weights were trained with. */
  readonly activation: Activation;
  /** Arithmetic of the matrix products. Default: `fp32`. */
  readonly precision?: Precision;
  /**
   * Form of int8's weights. Default: `u8`, whose products every processor computes exactly. `s8` is
   * faster, and exact if `hasExactSignedProducts` of `@vcs/onnx` says so.
   */
  readonly weightForm?: WeightForm;
  /** Mean that was subtracted in training. Default: OpenAI's. */
  readonly mean?: readonly number[];
  /** Deviation that was divided by in training. Default: OpenAI's. */
  readonly std?: readonly number[];
}

const EPSILON = 1e-5;

/** Finds a weight by its name. */
export type Get = (name: string) => LazyTensor;

const layer = (get: Get, name: string): Layer => ({
  weight: get(`${name}.weight`),
  bias: get(`${name}.bias`),
});

/** Scale and shift of a norm. */
export const clipNorm = (get: Get, name: string): Norm => ({
  scale: get(`${name}.weight`),
  shift: get(`${name}.bias`),
});

/** Name of a block of a tower. */
export const blockName = (i: number): string => `transformer.resblocks.${i}`;

/** Weights of a block of a tower. */
export function clipBlock(get: Get, i: number): BlockWeights {
  const block = blockName(i);
  const joint = `${block}.attn.in_proj`;
  return {
    norm1: clipNorm(get, `${block}.ln_1`),
    joint: { weight: get(`${joint}_weight`), bias: get(`${joint}_bias`) },
    out: layer(get, `${block}.attn.out_proj`),
    norm2: clipNorm(get, `${block}.ln_2`),
    up: layer(get, `${block}.mlp.c_fc`),
    down: layer(get, `${block}.mlp.c_proj`),
  };
}

/** A tower under construction. */
class TowerBuilder extends TransformerBuilder {
  readonly #get: Get;

  /** @param length tokens of an image or text */
  constructor(
    name: string,
    { config: { heads }, get }: TowerWeights,
    length: number,
    options: ClipGraphOptions & { causal?: boolean },
  ) {
    super(name, { ...options, heads, length, epsilon: EPSILON });
    this.#get = get;
  }

  weight(name: string): Value {
    return this.g.weight(name, this.#get(name));
  }

  namedNorm(x: Value, name: string): Value {
    return this.norm(x, name, clipNorm(this.#get, name));
  }

  /** The blocks from one to another. */
  blocks(x: Value, count: number): Value {
    for (let i = 0; i < count; i++) x = this.block(x, blockName(i), clipBlock(this.#get, i));
    return x;
  }
}

/** The image tower as a vision transformer. */
export function clipVit(
  { config, get }: TowerWeights<VisionConfig>,
  { activation, mean = CLIP_MEAN, std = CLIP_STD }: ClipGraphOptions,
): Vit {
  const { width, layers, heads, embedDim, patchSize, imageSize } = config;
  return {
    about: `CLIP, ${layers} blocks of ${width}`,
    ...{ layers, heads, embedDim, patchSize, imageSize, epsilon: EPSILON, activation },
    mean: mean as Colours,
    std: std as Colours,
    conv: get("conv1.weight"),
    ...placed(get("class_embedding"), get("positional_embedding")),
    before: clipNorm(get, "ln_pre"),
    block: (i) => clipBlock(get, i),
    blockName,
    after: clipNorm(get, "ln_post"),
    projection: get("proj"),
  };
}

/**
 * The visual tower: input `pixels` U8 `[N, R, R, 3]`, output `embedding` F32 `[N, O]`, not
 * normalised.
 */
export function visionGraph(
  weights: TowerWeights<VisionConfig>,
  options: ClipGraphOptions,
): GraphBuilder {
  return vitGraph("clip-vision", clipVit(weights, options), options);
}

/**
 * The text tower: inputs `tokens` I64 `[N, C]` and `end` I64 `[N, 1, 1]`, the position of each
 * text's last token; output `embedding` F32 `[N, O]`, not normalised.
 */
export function textGraph(
  weights: TowerWeights<TextConfig>,
  options: ClipGraphOptions,
): GraphBuilder {
  const { contextLength, layers, width } = weights.config;
  const tower = new TowerBuilder("clip-text", weights, contextLength, { ...options, causal: true });
  const { g } = tower;
  const ids = g.input("tokens", "I64", ["N", contextLength]);
  const end = g.input("end", "I64", ["N", 1, 1]);
  const placed = g.add(
    g.gather(tower.weight("token_embedding.weight"), ids),
    tower.weight("positional_embedding"),
  );
  const x = tower.blocks(tower.toRows(placed), layers);
  const shape: Dim[] = ["N", 1, width];
  const size = g.concat([g.shapeOf(end, 0, 2), g.int64([width])], 0);
  const index = g.op("Expand", [end, size], {}, { dtype: "I64", shape });
  const all = g.reshape(tower.namedNorm(x, "ln_final"), ["N", contextLength, width]);
  const last = g.op("GatherElements", [all, index], { axis: 1 }, { dtype: all.dtype, shape });
  const embedding = g.matmul(g.squeeze(last, [1]), tower.weight("text_projection"));
  g.output("embedding", g.cast(embedding, "F32"));
  return g;
}
