/**
 * Vision transformers: one description for all of them, and the graph that it becomes.
 *
 * The graph takes bytes: the normalisation is folded into the patch embedding, which is a matrix
 * product over the pixels of a patch. Where the class token is the result, nothing else of the last
 * block is computed, not even the other tokens' keys and values.
 *
 * @module
 */
import {
  type BlockWeights,
  derive,
  type GraphBuilder,
  type LazyTensor,
  type MlpActivation,
  type Norm,
  type PoolWeights,
  type Precision,
  TransformerBuilder,
  type Value,
  type WeightForm,
} from "@vcs/onnx";

import { patchRows, tokenOffsets } from "./weight_layout.ts";

/** Three numbers, one for each colour. */
export type Colours = readonly [number, number, number];

/** A vision transformer: sizes, training and weights. */
export interface Vit {
  /** What it is, for people. */
  readonly about: string;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Side in pixels of the square that images are resized to. */
  readonly imageSize: number;
  /** Patches along a side of the picture that its positions were trained for. */
  readonly grid: number;
  /** Numbers of a token. */
  readonly width: number;
  /** Numbers of an embedding. */
  readonly embedDim: number;
  /** Attention heads. */
  readonly heads: number;
  /** Blocks. */
  readonly layers: number;
  /** What norms add to the variance. */
  readonly epsilon: number;
  /** Activation of the MLPs. */
  readonly activation: MlpActivation;
  /** Mean of each colour that was subtracted in training, on a scale of 0 to 1. */
  readonly mean: Colours;
  /** Deviation of each colour that was divided by in training, on a scale of 0 to 1. */
  readonly std: Colours;
  /** Patch embedding, `[width, 3, p, p]`. */
  readonly conv: LazyTensor;
  /** Its bias, `[width]`, where there is one. */
  readonly bias?: LazyTensor;
  /** The class token with its position, `[width]`, where there is one. */
  readonly first?: LazyTensor;
  /** Positions of the patches, `[grid · grid, width]`. */
  readonly positions: LazyTensor;
  /** Norm before the blocks, where there is one. */
  readonly before?: Norm;
  /** Weights of a block. */
  readonly block: (i: number) => BlockWeights;
  /** Name of a block. */
  readonly blockName: (i: number) => string;
  /** Norm after the blocks. */
  readonly after: Norm;
  /** Projection of the class token, `[width, embedDim]`, where there is one. */
  readonly projection?: LazyTensor;
  /** Attention that makes an embedding of all tokens, where the class token is none. */
  readonly pool?: PoolWeights;
}

/** Positions of a file, `[…, tokens, width]`, the class token's first, and the token itself. */
export function placed(
  token: LazyTensor,
  positions: LazyTensor,
): Pick<Vit, "width" | "grid" | "first" | "positions"> {
  const width = positions.shape.at(-1)!;
  const cells = positions.shape.at(-2)! - 1;
  return {
    width,
    grid: Math.round(Math.sqrt(cells)),
    first: derive([token, positions], [width], ([x, p]) => x.map((v, i) => v + p[i]!)),
    positions: derive([positions], [cells, width], ([p]) => p.slice(width)),
  };
}

/** From tokens in rows to embeddings, `[N, embedDim]`. */
export function encodeTokens(tower: TransformerBuilder, tokens: Value, vit: Vit): Value {
  const { layers, block, blockName, pool, projection } = vit;
  const { g } = tower;
  let x = vit.before ? tower.norm(tokens, "before", vit.before) : tokens;
  const whole = pool ? layers : layers - 1;
  for (let i = 0; i < whole; i++) x = tower.block(x, blockName(i), block(i));
  if (pool) return tower.pooled(tower.norm(x, "after", vit.after), "pool", pool);
  const first = tower.blockOfFirst(x, blockName(whole), block(whole));
  const normed = tower.norm(first, "after", vit.after);
  return projection ? g.matmul(normed, g.weight("projection", projection)) : normed;
}

/** Bytes of images as rows of patches: `[N, R, R, 3]` to `[N, G * G, P * P * 3]`. */
function patchesOf(g: GraphBuilder, pixels: Value, { imageSize, patchSize }: Vit): Value {
  const grid = imageSize / patchSize;
  const cut = g.reshape(pixels, ["N", grid, patchSize, grid, patchSize, 3]);
  const area = patchSize * patchSize * 3;
  return g.reshape(g.transpose(cut, [0, 1, 3, 2, 4, 5]), ["N", grid * grid, area]);
}

/** How a vision transformer is built. */
export interface VitOptions {
  /** Arithmetic of the matrix products. Default: `fp32`. */
  readonly precision?: Precision;
  /** Form of int8's weights. Default: `u8`, which every processor computes exactly. */
  readonly weightForm?: WeightForm;
}

/** The graph: input `pixels` U8 `[N, R, R, 3]`, output `embedding` F32 `[N, O]`, not normalised. */
export function vitGraph(name: string, vit: Vit, options: VitOptions = {}): GraphBuilder {
  const { imageSize, patchSize, heads, epsilon, activation, first } = vit;
  const extra = first === undefined ? 0 : 1;
  const length = (imageSize / patchSize) ** 2 + extra;
  const { precision, weightForm } = options;
  const tower = new TransformerBuilder(name, {
    ...{ heads, length, epsilon, activation },
    ...(precision && { precision }),
    ...(weightForm && { weightForm }),
  });
  const { g } = tower;
  const pixels = g.input("pixels", "U8", ["N", imageSize, imageSize, 3]);
  const matrix = patchRows(vit.conv, patchSize, vit.std);
  const embedded = tower.embedPatches(patchesOf(g, pixels, vit), matrix);
  const all = extra === 0 ? embedded : g.pad(embedded, [[0, 0], [1, 0], [0, 0]]);
  const tokens = tower.toRows(g.toFloat(g.add(all, g.constant("offsets", tokenOffsets(vit)))));
  g.output("embedding", g.cast(encodeTokens(tower, tokens, vit), "F32"));
  return g;
}
