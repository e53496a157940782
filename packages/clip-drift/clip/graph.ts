/**
 * CLIP's towers as ONNX graphs: one builder for image towers of all sizes, and for their text towers
 * (Radford et al. 2021, as published in openai/CLIP `model.py`).
 *
 * The visual graph takes bytes: the normalisation is folded into the patch embedding, which is a
 * matrix product over the pixels of a patch. Of the last block only the class token is computed,
 * since nothing else is read; not even the other tokens' keys and values.
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
import { patchRows, tokenOffsets } from "./weight_layout.ts";
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

  /** The last block, of which only each image's first token is computed: `[N, width]`. */
  lastBlock(x: Value, i: number): Value {
    return this.blockOfFirst(x, blockName(i), clipBlock(this.#get, i));
  }

  /** Projects the result, and makes it the output as F32. */
  finish(x: Value, projection: string): GraphBuilder {
    const embedding = this.g.matmul(x, this.weight(projection));
    this.g.output("embedding", this.g.cast(embedding, "F32"));
    return this.g;
  }
}

/** Bytes of images as rows of patches: `[N, R, R, 3]` to `[N, G * G, P * P * 3]`. */
function patchesOf(g: GraphBuilder, pixels: Value, { imageSize, patchSize }: VisionConfig): Value {
  const grid = imageSize / patchSize;
  const cut = g.reshape(pixels, ["N", grid, patchSize, grid, patchSize, 3]);
  const area = patchSize * patchSize * 3;
  return g.reshape(g.transpose(cut, [0, 1, 3, 2, 4, 5]), ["N", grid * grid, area]);
}

/**
 * The visual tower: input `pixels` U8 `[N, R, R, 3]`, output `embedding` F32 `[N, O]`, not
 * normalised.
 */
export function visionGraph(
  weights: TowerWeights<VisionConfig>,
  options: ClipGraphOptions,
): GraphBuilder {
  const { config, get } = weights;
  const { imageSize, patchSize, layers } = config;
  const { mean = CLIP_MEAN, std = CLIP_STD } = options;
  const length = (imageSize / patchSize) ** 2 + 1;
  const tower = new TowerBuilder("clip-vision", weights, length, options);
  const { g } = tower;
  const pixels = g.input("pixels", "U8", ["N", imageSize, imageSize, 3]);
  const matrix = patchRows(get("conv1.weight"), patchSize, std);
  const embedded = tower.embedPatches(patchesOf(g, pixels, config), matrix);
  const offsets = g.constant("offsets", tokenOffsets(weights, mean, std));
  const placed = g.add(g.pad(embedded, [[0, 0], [1, 0], [0, 0]]), offsets);
  const rows = tower.namedNorm(tower.toRows(g.toFloat(placed)), "ln_pre");
  const first = tower.lastBlock(tower.blocks(rows, layers - 1), layers - 1);
  return tower.finish(tower.namedNorm(first, "ln_post"), "proj");
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
  return tower.finish(g.squeeze(last, [1]), "text_projection");
}
