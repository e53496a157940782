/**
 * CLIP's towers as ONNX graphs: one builder for ViT-B-32, ViT-B-16, ViT-L-14 and ViT-L-14-336,
 * and for their text towers (Radford et al. 2021, as published in openai/CLIP `model.py`).
 *
 * The visual graph takes bytes: the normalisation is folded into the patch embedding, which is a
 * matrix product over the pixels of a patch. Of the last block only the class token is computed,
 * since nothing else is read.
 *
 * @module
 */
import {
  derive,
  type Dim,
  GraphBuilder,
  type LazyTensor,
  multiplyDims,
  toFloat32,
  type Value,
  type WeightSource,
} from "@vcs/onnx";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import type { TextConfig, TowerWeights, VisionConfig } from "./clip_weights.ts";
import { CLIP_MEAN, CLIP_STD } from "./preprocess.ts";

/** Activation between the two layers of a block's MLP. */
export type Activation = "quick_gelu" | "gelu";

/** Arithmetic of the matrix products. */
export type Precision = "fp32" | "fp16" | "int8";

/** How a tower is built. */
export interface ClipGraphOptions {
  /** The activation that the weights were trained with. */
  readonly activation: Activation;
  /** Arithmetic of the matrix products; `fp32` where none is given. */
  readonly precision?: Precision;
  /** Mean that was subtracted in training; OpenAI's where none is given. */
  readonly mean?: readonly number[];
  /** Deviation that was divided by in training; OpenAI's where none is given. */
  readonly std?: readonly number[];
}

const EPSILON = 1e-5;

/** A matrix with its axes changed, as `[in, out]`. */
function flipped(weight: WeightSource): LazyTensor {
  const [rows, columns] = weight.shape as [number, number];
  return derive([weight], [columns, rows], ([x]) => {
    const out = new Float32Array(x.length);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) out[c * rows + r] = x[r * columns + c]!;
    }
    return out;
  });
}

/** Rows `from` to `to` of a tensor. */
function rowsOf(weight: WeightSource, from: number, to: number): LazyTensor {
  const width = weight.shape.slice(1).reduce((a, b) => a * b, 1);
  return derive(
    [weight],
    [to - from, ...weight.shape.slice(1)],
    ([x]) => x.slice(from * width, to * width),
  );
}

/** Largest magnitude of each row, over 127: the step of its 8-bit numbers. */
function rowSteps(x: Float32Array, rows: number): Float32Array {
  const width = x.length / rows;
  return Float32Array.from({ length: rows }, (_, r) => {
    let most = 0;
    for (let i = r * width; i < (r + 1) * width; i++) most = Math.max(most, Math.abs(x[i]!));
    return most === 0 ? 1 : most / 127;
  });
}

/** A weight `[out, in]` as 8-bit numbers `[in, out]`. */
function quantized(weight: WeightSource): LazyTensor {
  const [rows, columns] = weight.shape as [number, number];
  const read = async (): Promise<Tensor> => {
    const x = toFloat32("read" in weight ? await weight.read() : weight);
    const steps = rowSteps(x, rows);
    const out = new Int8Array(x.length);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        out[c * rows + r] = Math.round(x[r * columns + c]! / steps[r]!);
      }
    }
    return tensor("I8", [columns, rows], out);
  };
  return { dtype: "I8", shape: [columns, rows], read };
}

/** A graph of transformer blocks under construction. */
class TowerBuilder {
  readonly g: GraphBuilder;
  readonly #weights: TowerWeights;
  readonly #options: ClipGraphOptions;

  constructor(name: string, weights: TowerWeights, options: ClipGraphOptions) {
    this.g = new GraphBuilder(name, { float: options.precision === "fp16" ? "F16" : "F32" });
    this.#weights = weights;
    this.#options = options;
  }

  weight(name: string): Value {
    return this.g.weight(name, this.#weights.get(name));
  }

  norm(x: Value, name: string): Value {
    return this.g.layerNorm(x, this.weight(`${name}.weight`), this.weight(`${name}.bias`), EPSILON);
  }

  /** `x` times a weight `[out, in]`, plus a bias. */
  linear(x: Value, name: string, weight: WeightSource, bias: WeightSource): Value {
    const { g } = this;
    const offset = g.weight(`${name}.bias`, bias);
    if (this.#options.precision === "int8") {
      return g.add(this.#integerProduct(x, name, weight), offset);
    }
    // As one matrix of all tokens, product and bias become one operator of the runtime.
    const shape = [...x.shape.slice(0, -1), weight.shape[0]!];
    const rows = g.reshape(x, [multiplyDims(x.shape.slice(0, -1)), x.shape.at(-1)!]);
    const product = g.matmul(rows, g.weight(`${name}.weight`, flipped(weight)));
    return g.reshape(g.add(product, offset), shape);
  }

  /** Product of activations in 8 bits, scaled anew each time, with weights in 8 bits. */
  #integerProduct(x: Value, name: string, weight: WeightSource): Value {
    const [bytes, step, zero] = this.g.node("DynamicQuantizeLinear", [x], {}, [
      { dtype: "U8", shape: x.shape },
      { dtype: "F32", shape: [] },
      { dtype: "U8", shape: [] },
    ]);
    return this.#byteProduct(bytes!, name, weight, { step: step!, zero: zero! });
  }

  /** Product of bytes with weights in 8 bits; the bytes' step and zero where they have any. */
  #byteProduct(
    bytes: Value,
    name: string,
    weight: WeightSource,
    scale?: { step: Value; zero: Value },
  ): Value {
    const { g } = this;
    const rows = weight.shape[0]!;
    const matrix = g.constant(`${name}.weight`, quantized(weight));
    const steps = g.weight(`${name}.steps`, derive([weight], [rows], ([w]) => rowSteps(w, rows)));
    const shape: Dim[] = [...bytes.shape.slice(0, -1), rows];
    const inputs = scale === undefined ? [bytes, matrix] : [bytes, matrix, scale.zero];
    const sums = g.op("MatMulInteger", inputs, {}, { dtype: "I32", shape });
    return g.mul(g.cast(sums, "F32"), scale === undefined ? steps : g.mul(scale.step, steps));
  }

  /**
   * Patches of bytes times the patch embedding. In 16 bits this product stays in single precision:
   * bytes times small weights would lose too much.
   */
  embedPatches(patches: Value, weight: WeightSource): Value {
    const { g } = this;
    return this.#options.precision === "int8"
      ? this.#byteProduct(patches, "patches", weight)
      : g.matmul(g.cast(patches, "F32"), g.constant("patches", flipped(weight)));
  }

  #named(x: Value, layer: string): Value {
    const { get } = this.#weights;
    return this.linear(x, layer, get(`${layer}.weight`), get(`${layer}.bias`));
  }

  /** Rows of a block's joint projection: part 0 is q, 1 is k, 2 is v. */
  #project(x: Value, block: string, from: number, to: number): Value {
    const { width } = this.#weights.config;
    const part = (kind: string) =>
      rowsOf(this.#weights.get(`${block}.attn.in_proj_${kind}`), from * width, to * width);
    return this.linear(x, `${block}.attn.in_proj${from}`, part("weight"), part("bias"));
  }

  /** Attention of the tokens `of` over all of `over`. */
  #attention(block: string, of: Value, over: Value, mask?: Value): Value {
    const { width, heads } = this.#weights.config;
    const { g } = this;
    const isSelf = of === over;
    const joint = this.#project(over, block, isSelf ? 0 : 1, 3);
    const parts = g.split(joint, -1, Array<number>(isSelf ? 3 : 2).fill(width));
    const [q, k, v] = isSelf ? parts : [this.#project(of, block, 0, 1), ...parts];
    const inputs = [q, k, v, undefined, undefined, mask];
    const mixed = g.op("com.microsoft:MultiHeadAttention", inputs, { num_heads: heads }, q!);
    const { get } = this.#weights;
    const out = `${block}.attn.out_proj`;
    return this.linear(mixed, out, get(`${out}.weight`), get(`${out}.bias`));
  }

  #activate(x: Value): Value {
    const { g } = this;
    return this.#options.activation === "gelu"
      ? g.op("Gelu", [x], { approximate: "none" }, x)
      : g.mul(x, g.sigmoid(g.mul(x, 1.702)));
  }

  #mlp(x: Value, block: string): Value {
    return this.#named(this.#activate(this.#named(x, `${block}.mlp.c_fc`)), `${block}.mlp.c_proj`);
  }

  /** One block; with `pick`, only the tokens that it takes from all are computed. */
  block(x: Value, i: number, mask?: Value, pick?: (x: Value) => Value): Value {
    const name = `transformer.resblocks.${i}`;
    const normed = this.norm(x, `${name}.ln_1`);
    const of = pick === undefined ? normed : pick(normed);
    const kept = pick === undefined ? x : pick(x);
    const attended = this.g.add(kept, this.#attention(name, of, normed, mask));
    return this.g.add(attended, this.#mlp(this.norm(attended, `${name}.ln_2`), name));
  }

  /** Brings the result to F32 and makes it the output. */
  finish(x: Value, projection: string): GraphBuilder {
    const embedding = this.g.matmul(x, this.weight(projection));
    this.g.output("embedding", this.g.cast(embedding, "F32"));
    return this.g;
  }
}

/** The patch embedding `[width, bytes]` over a patch's bytes in row order, over 255 std. */
function patchRows(conv: WeightSource, patch: number, std: readonly number[]): LazyTensor {
  const area = patch * patch;
  return derive([conv], [conv.shape[0]!, area * 3], ([w]) => {
    const out = new Float32Array(w.length);
    for (let i = 0; i < w.length; i++) {
      const plane = Math.floor(i / area);
      const o = Math.floor(plane / 3);
      const c = plane % 3;
      out[(o * area + i % area) * 3 + c] = w[i]! / (255 * std[c]!);
    }
    return out;
  });
}

/** What is added to all tokens: positions, the class token, and the mean seen by each patch. */
function tokenOffsets(
  { get, config }: TowerWeights<VisionConfig>,
  mean: readonly number[],
  std: readonly number[],
): LazyTensor {
  const { width, patchSize } = config;
  const area = patchSize ** 2;
  const sources = [
    get("conv1.weight"),
    get("class_embedding"),
    get("positional_embedding"),
  ] as const;
  return derive(sources, sources[2].shape, ([conv, classToken, positions]) => {
    const out = Float32Array.from(positions);
    for (let o = 0; o < width; o++) {
      let shift = 0;
      for (let i = 0; i < area * 3; i++) {
        const c = Math.floor(i / area);
        shift += conv[o * area * 3 + i]! * (mean[c]! / std[c]!);
      }
      out[o]! += classToken[o]!;
      for (let t = width; t < out.length; t += width) out[t + o]! -= shift;
    }
    return out;
  });
}

/** Bytes of pictures as rows of patches: `[N, R, R, 3]` to `[N, G * G, P * P * 3]`. */
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
  const tower = new TowerBuilder("clip-vision", weights, options);
  const { g } = tower;
  const pixels = g.input("pixels", "U8", ["N", imageSize, imageSize, 3]);
  const rows = patchRows(get("conv1.weight"), patchSize, std);
  const embedded = tower.embedPatches(patchesOf(g, pixels, config), rows);
  const tokens = g.add(
    g.pad(embedded, [[0, 0], [1, 0], [0, 0]]),
    g.constant("offsets", tokenOffsets(weights, mean, std)),
  );
  let x = tower.norm(g.toFloat(tokens), "ln_pre");
  const classToken = (all: Value) => g.slice(all, 1, 0, 1);
  for (let i = 0; i < layers; i++) {
    x = tower.block(x, i, undefined, i === layers - 1 ? classToken : undefined);
  }
  return tower.finish(g.squeeze(tower.norm(x, "ln_post"), [1]), "proj");
}

/** Zero where a token may look, minus a large number above the diagonal. */
function causalMask(length: number): Tensor {
  const mask = new Float32Array(length * length);
  for (let row = 0; row < length; row++) {
    mask.fill(-1e4, row * length + row + 1, (row + 1) * length);
  }
  return tensor("F32", [1, 1, length, length], mask);
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
  const tower = new TowerBuilder("clip-text", weights, options);
  const { g } = tower;
  const tokens = g.input("tokens", "I64", ["N", contextLength]);
  const end = g.input("end", "I64", ["N", 1, 1]);
  let x = g.add(
    g.gather(tower.weight("token_embedding.weight"), tokens),
    tower.weight("positional_embedding"),
  );
  const mask = g.weight("mask", causalMask(contextLength));
  for (let i = 0; i < layers; i++) x = tower.block(x, i, mask);
  const normed = tower.norm(x, "ln_final");
  const index = g.op(
    "Expand",
    [
      end,
      g.concat([g.shapeOf(end, 0, 2), g.int64([width])], 0),
    ],
    {},
    { dtype: "I64", shape: ["N", 1, width] },
  );
  const last = g.op("GatherElements", [normed, index], { axis: 1 }, {
    dtype: normed.dtype,
    shape: ["N", 1, width],
  });
  return tower.finish(g.squeeze(last, [1]), "text_projection");
}
