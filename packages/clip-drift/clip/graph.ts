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
import { type Dim, GraphBuilder, multiplyDims, type Value, type WeightSource } from "@vcs/onnx";
import {
  flipped,
  foldNorm,
  headColumns,
  headRows,
  type Layer,
  patchRows,
  quantized,
  rowsOf,
  tokenOffsets,
  type WeightForm,
} from "./weight_layout.ts";
import { tensor } from "@vcs/transport/tensor";
import type { TextConfig, TowerWeights, VisionConfig } from "./weights.ts";
import { CLIP_MEAN, CLIP_STD } from "./preprocess.ts";

/** Activation between the two layers of a block's MLP. */
export type Activation = "quick_gelu" | "gelu";

/** Arithmetic of the matrix products. */
export type Precision = "fp32" | "fp16" | "int8";

export type { WeightForm } from "./weight_layout.ts";

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

/** What a byte of 0 in real numbers is, in activations and in weights without a sign. */
const BYTE_ZERO = 128;

/** Numbers as bytes: a step times the byte less the byte that stands for 0. */
interface Bytes {
  readonly bytes: Value;
  /** Left out of pixels, whose step is in the weights. */
  readonly step?: Value;
  readonly zero: Value;
}

/** A graph of transformer blocks under construction. */
class TowerBuilder {
  readonly g: GraphBuilder;
  readonly #weights: TowerWeights;
  readonly #options: ClipGraphOptions;
  readonly #length: number;

  /** @param length tokens of an image or text */
  constructor(name: string, weights: TowerWeights, length: number, options: ClipGraphOptions) {
    this.g = new GraphBuilder(name, { float: options.precision === "fp16" ? "F16" : "F32" });
    this.#weights = weights;
    this.#length = length;
    this.#options = options;
  }

  get #isInt8(): boolean {
    return this.#options.precision === "int8";
  }

  weight(name: string): Value {
    return this.g.weight(name, this.#weights.get(name));
  }

  norm(x: Value, name: string): Value {
    return this.g.layerNorm(x, this.weight(`${name}.weight`), this.weight(`${name}.bias`), EPSILON);
  }

  /** `[N * T, width]` as `[N, T, width]`. */
  #toTokens(rows: Value): Value {
    return this.g.reshape(rows, ["N", this.#length, rows.shape.at(-1)!]);
  }

  /** `[N, T, width]` as `[N * T, width]`. */
  toRows(tokens: Value): Value {
    return this.g.reshape(tokens, [multiplyDims(tokens.shape.slice(0, 2)), tokens.shape[2]!]);
  }

  /** Rows `x` times a weight `[out, in]`. */
  #product(x: Value, name: string, weight: WeightSource): Value {
    const { g } = this;
    return this.#isInt8
      ? this.#byteProduct(this.#toBytes(x), name, weight)
      : g.matmul(x, g.weight(`${name}.weight`, flipped(weight)));
  }

  #linear(x: Value, name: string, { weight, bias }: Layer): Value {
    return this.g.add(this.#product(x, name, weight), this.g.weight(`${name}.bias`, bias));
  }

  /** Activations as bytes, scaled anew in each run by the largest of all. */
  #toBytes(x: Value): Bytes {
    const [bytes, step, zero] = this.g.node("DynamicQuantizeLinear", [x], {}, [
      { dtype: "U8", shape: x.shape },
      { dtype: "F32", shape: [] },
      { dtype: "U8", shape: [] },
    ]);
    return { bytes: bytes!, step: step!, zero: zero! };
  }

  /** A weight in 8 bits, the steps of its columns, and the byte that stands for 0 if it is not 0. */
  #byteWeight(name: string, weight: WeightSource): { matrix: Value; steps: Value; zero?: Value } {
    const { g } = this;
    const form = this.#options.weightForm ?? "u8";
    const { matrix, steps } = quantized(weight, form);
    return {
      matrix: g.constant(`${name}.weight`, matrix),
      steps: g.weight(`${name}.steps`, steps),
      ...(form === "u8" ? { zero: g.scalar(BYTE_ZERO, "U8") } : {}),
    };
  }

  /** Product of bytes with weights in 8 bits. */
  #byteProduct({ bytes, step, zero }: Bytes, name: string, weight: WeightSource): Value {
    const { g } = this;
    const right = this.#byteWeight(name, weight);
    const shape: Dim[] = [...bytes.shape.slice(0, -1), weight.shape[0]!];
    const operands = [bytes, right.matrix, zero, right.zero];
    const sums = g.op("MatMulInteger", operands, {}, { dtype: "I32", shape });
    return g.mul(g.cast(sums, "F32"), step ? g.mul(step, right.steps) : right.steps);
  }

  /**
   * Patches of bytes times the patch embedding. In 16 bits this product stays in single precision:
   * bytes times small weights would lose too much.
   */
  embedPatches(patches: Value, weight: WeightSource): Value {
    const { g } = this;
    return this.#isInt8
      ? this.#byteProduct({ bytes: patches, zero: g.scalar(0, "U8") }, "patches", weight)
      : g.matmul(g.cast(patches, "F32"), g.constant("patches", flipped(weight)));
  }

  #layer(x: Value, name: string): Value {
    const { get } = this.#weights;
    return this.#linear(x, name, { weight: get(`${name}.weight`), bias: get(`${name}.bias`) });
  }

  /**
   * A norm and the layer after it. In 8 bits the norm's scale and shift are moved into the layer:
   * channels that training scaled up would cost all others their bits.
   */
  #normed(x: Value, norm: string, layer: string): { x: Value } & Layer {
    const { g } = this;
    const { get } = this.#weights;
    const [scale, shift] = [get(`${norm}.weight`), get(`${norm}.bias`)];
    const plain = { weight: get(`${layer}weight`), bias: get(`${layer}bias`) };
    if (!this.#isInt8) return { x: this.norm(x, norm), ...plain };
    const folded = foldNorm({ scale, shift }, plain);
    const zeros = g.weight(`${norm}.bias`, tensor("F32", scale.shape));
    const y = g.layerNorm(x, g.weight(`${norm}.weight`, folded.scale), zeros, EPSILON);
    return { x: y, weight: folded.weight, bias: folded.bias };
  }

  /**
   * Self-attention of all tokens, before its last projection. The operator makes queries, keys and
   * values itself, head by head, which keeps all threads busy and moves nothing about.
   */
  #attention(block: string, input: Value, causal: boolean): Value {
    const { g } = this;
    const { heads } = this.#weights.config;
    const name = `${block}.attn.in_proj`;
    const { x, weight, bias } = this.#normed(input, `${block}.ln_1`, `${name}_`);
    const settings = { num_heads: heads, unidirectional: causal ? 1 : 0 };
    const joint = g.weight(`${name}.bias`, bias);
    const tokens = this.#toTokens(x);
    if (!this.#isInt8) {
      const inputs = [tokens, g.weight(`${name}.weight`, flipped(weight)), joint];
      return this.toRows(g.op("com.microsoft:Attention", inputs, settings, tokens));
    }
    const { bytes, step, zero } = this.#toBytes(tokens);
    const right = this.#byteWeight(name, weight);
    const inputs = [bytes, right.matrix, joint, step, right.steps, undefined, zero, right.zero];
    return this.toRows(g.op("com.microsoft:QAttention", inputs, settings, tokens));
  }

  #activate(x: Value): Value {
    const { g } = this;
    return this.#options.activation === "gelu"
      ? g.op("Gelu", [x], { approximate: "none" }, x)
      : g.mul(x, g.sigmoid(g.mul(x, 1.702)));
  }

  /** One block over all tokens, `[N * T, width]`. */
  block(x: Value, i: number, causal = false): Value {
    const name = `transformer.resblocks.${i}`;
    return this.#secondHalf(x, this.#attention(name, x, causal), name);
  }

  /** One block of which only each image's first token is computed: `[N, width]`. */
  blockOfFirst(x: Value, i: number): Value {
    const name = `transformer.resblocks.${i}`;
    const { x: rows, ...joint } = this.#normed(x, `${name}.ln_1`, `${name}.attn.in_proj_`);
    const mixed = this.#attentionOfFirst(name, this.#toTokens(rows), joint);
    return this.#secondHalf(this.#first(this.#toTokens(x)), mixed, name);
  }

  /** From the attention's last projection on. */
  #secondHalf(x: Value, mixed: Value, block: string): Value {
    const { g } = this;
    const attended = g.add(x, this.#layer(mixed, `${block}.attn.out_proj`));
    const name = `${block}.mlp.c_fc`;
    const { x: normed, ...layer } = this.#normed(attended, `${block}.ln_2`, `${name}.`);
    const hidden = this.#activate(this.#linear(normed, name, layer));
    return g.add(attended, this.#layer(hidden, `${block}.mlp.c_proj`));
  }

  #first(tokens: Value): Value {
    return this.g.squeeze(this.g.slice(tokens, 1, 0, 1), [1]);
  }

  /**
   * Attention of one token over all: instead of each token's key and value, the one query is
   * brought to the tokens' space, and the one mix of tokens to the values' space. The keys' bias
   * adds the same to all scores and has no effect.
   */
  #attentionOfFirst(block: string, all: Value, joint: Layer): Value {
    const { g } = this;
    const { width, heads } = this.#weights.config;
    const name = `${block}.attn`;
    const part = (kind: keyof Layer, at: number, factor?: number) =>
      rowsOf(joint[kind], at * width, (at + 1) * width, factor);
    const scale = Math.sqrt(heads / width);
    const query = { weight: part("weight", 0, scale), bias: part("bias", 0, scale) };
    const q = this.#linear(this.#first(all), `${name}.q`, query);
    const keys = g.weight(`${name}.k`, headRows(part("weight", 1), heads));
    const values = g.weight(`${name}.v`, headColumns(part("weight", 2), heads));
    const asked = this.#perHead(g.reshape(q, ["N", heads, width / heads]), keys);
    const shares = g.softmax(g.matmul(asked, g.transpose(all, [0, 2, 1])));
    const mixed = this.#perHead(g.matmul(shares, all), values);
    return g.add(g.reshape(mixed, ["N", width]), g.weight(`${name}.v_bias`, part("bias", 2)));
  }

  /** Each head's rows `[N, heads, in]` times its own matrix, of `[heads, in, out]`. */
  #perHead(x: Value, matrices: Value): Value {
    const { g } = this;
    return g.transpose(g.matmul(g.transpose(x, [1, 0, 2]), matrices), [1, 0, 2]);
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
  let x = tower.norm(tower.toRows(g.toFloat(placed)), "ln_pre");
  for (let i = 0; i < layers - 1; i++) x = tower.block(x, i);
  return tower.finish(tower.norm(tower.blockOfFirst(x, layers - 1), "ln_post"), "proj");
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
  const tower = new TowerBuilder("clip-text", weights, contextLength, options);
  const { g } = tower;
  const ids = g.input("tokens", "I64", ["N", contextLength]);
  const end = g.input("end", "I64", ["N", 1, 1]);
  const placed = g.add(
    g.gather(tower.weight("token_embedding.weight"), ids),
    tower.weight("positional_embedding"),
  );
  let x = tower.toRows(placed);
  for (let i = 0; i < layers; i++) x = tower.block(x, i, true);
  const shape: Dim[] = ["N", 1, width];
  const size = g.concat([g.shapeOf(end, 0, 2), g.int64([width])], 0);
  const index = g.op("Expand", [end, size], {}, { dtype: "I64", shape });
  const all = g.reshape(tower.norm(x, "ln_final"), ["N", contextLength, width]);
  const last = g.op("GatherElements", [all, index], { axis: 1 }, { dtype: all.dtype, shape });
  return tower.finish(g.squeeze(last, [1]), "text_projection");
}
