/**
 * Blocks of transformers as parts of graphs, in single precision, 16 and 8 bits. They know sizes and
 * weights, and no model: which tensor of a file is which weight is the business of the package whose
 * network it is.
 *
 * @module
 */
import { tensor } from "@vcs/transport/tensor";
import { GraphBuilder } from "../graph.ts";
import type { Value, WeightSource } from "./core.ts";
import { type Dim, multiplyDims } from "./dims.ts";
import { activation } from "./layers.ts";
import {
  foldNorm,
  headColumns,
  headRows,
  type Layer,
  type Norm,
  quantized,
  rowsOf,
  type WeightForm,
} from "./weight_layout.ts";
import { derive, transposed } from "./weights.ts";

export type { Layer, Norm, WeightForm } from "./weight_layout.ts";

/** Activation between the two layers of a block's MLP. */
export type MlpActivation = "quick_gelu" | "gelu" | "gelu_tanh";

/** Arithmetic of the matrix products. */
export type Precision = "fp32" | "fp16" | "int8";

/** What blocks of a transformer are made with. */
export interface TransformerOptions {
  /** Attention heads. */
  readonly heads: number;
  /** Tokens of an item. */
  readonly length: Dim;
  /** Items; with a symbol as the length it must be a number. Default: "N". */
  readonly items?: Dim;
  /** What norms add to the variance. */
  readonly epsilon: number;
  /** Activation of the MLPs. */
  readonly activation: MlpActivation;
  /** Whether tokens see only those before them. Default: false. */
  readonly causal?: boolean;
  /** Arithmetic of the matrix products. Default: `fp32`. */
  readonly precision?: Precision;
  /**
   * Form of int8's weights. Default: `u8`, whose products every processor computes exactly. `s8` is
   * faster, and exact if `hasExactSignedProducts` of `@vcs/onnx` says so.
   */
  readonly weightForm?: WeightForm;
}

/** Weights of a block whose norms come before attention and MLP. */
export interface BlockWeights {
  /** Norm before the attention. */
  readonly norm1: Norm;
  /** Queries, keys and values, one behind the other. */
  readonly joint: Layer;
  /** The attention's last projection. */
  readonly out: Layer;
  /** Norm before the MLP. */
  readonly norm2: Norm;
  /** The MLP's first layer. */
  readonly up: Layer;
  /** The MLP's second layer. */
  readonly down: Layer;
}

/** Weights of a layer that makes one token of all of an item: attention of a learned query, and an MLP. */
export interface PoolWeights extends Pick<BlockWeights, "joint" | "out" | "up" | "down"> {
  /** What the query is made of, `width` numbers. */
  readonly probe: WeightSource;
  /** Norm before the MLP. */
  readonly norm: Norm;
}

/** What a byte of 0 in real numbers is, in activations and in weights without a sign. */
const BYTE_ZERO = 128;

/** Numbers as bytes: a step times the byte less the byte that stands for 0. */
interface Bytes {
  readonly bytes: Value;
  /** Left out of pixels, whose step is in the weights. */
  readonly step?: Value;
  readonly zero: Value;
}

/**
 * A graph of transformer blocks under construction: what ViTs and text towers are made of, without a
 * model's names or sizes. Rows are `[N * T, width]`: the tokens of one item after those of another.
 */
export class TransformerBuilder {
  /** The graph. */
  readonly g: GraphBuilder;
  readonly #options: TransformerOptions;

  /** Begins a graph. */
  constructor(name: string, options: TransformerOptions) {
    this.g = new GraphBuilder(name, { float: options.precision === "fp16" ? "F16" : "F32" });
    this.#options = options;
  }

  get #items(): Dim {
    return this.#options.items ?? "N";
  }

  get #isInt8(): boolean {
    return this.#options.precision === "int8";
  }

  /** A layer norm over the last axis. */
  norm(x: Value, name: string, { scale, shift }: Norm): Value {
    const { g } = this;
    const [factor, added] = [g.weight(`${name}.weight`, scale), g.weight(`${name}.bias`, shift)];
    return g.layerNorm(x, factor, added, this.#options.epsilon);
  }

  /** `[N * T, width]` as `[N, T, width]`. */
  #toTokens(rows: Value): Value {
    return this.g.reshape(rows, [this.#items, this.#options.length, rows.shape.at(-1)!]);
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
      : g.matmul(x, g.weight(`${name}.weight`, transposed(weight)));
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
      : g.matmul(g.cast(patches, "F32"), g.constant("patches", transposed(weight)));
  }

  /**
   * A norm and the layer after it. In 8 bits the norm's scale and shift are moved into the layer:
   * channels that training scaled up would cost all others their bits.
   */
  #normed(x: Value, name: string, norm: Norm, layer: Layer): { x: Value } & Layer {
    if (!this.#isInt8) return { x: this.norm(x, name, norm), ...layer };
    const folded = foldNorm(norm, layer);
    const zeros = tensor("F32", norm.scale.shape);
    const y = this.norm(x, name, { scale: folded.scale, shift: zeros });
    return { x: y, weight: folded.weight, bias: folded.bias };
  }

  /**
   * Self-attention of all tokens, before its last projection. The operator makes queries, keys and
   * values itself, head by head, which keeps all threads busy and moves nothing about.
   */
  #attention(block: string, input: Value, { norm1, joint: layer }: BlockWeights): Value {
    const { g } = this;
    const { heads, causal = false } = this.#options;
    const name = `${block}.attn.in_proj`;
    const { x, weight, bias } = this.#normed(input, `${block}.ln_1`, norm1, layer);
    const settings = { num_heads: heads, unidirectional: causal ? 1 : 0 };
    const joint = g.weight(`${name}.bias`, bias);
    const tokens = this.#toTokens(x);
    if (!this.#isInt8) {
      const inputs = [tokens, g.weight(`${name}.weight`, transposed(weight)), joint];
      return this.toRows(g.op("com.microsoft:Attention", inputs, settings, tokens));
    }
    const { bytes, step, zero } = this.#toBytes(tokens);
    const right = this.#byteWeight(name, weight);
    const inputs = [bytes, right.matrix, joint, step, right.steps, undefined, zero, right.zero];
    return this.toRows(g.op("com.microsoft:QAttention", inputs, settings, tokens));
  }

  /** One block over all tokens. */
  block(x: Value, name: string, weights: BlockWeights): Value {
    return this.#secondHalf(x, this.#attention(name, x, weights), name, weights);
  }

  /** One block of which only each item's first token is computed: `[N, width]`. */
  blockOfFirst(x: Value, name: string, weights: BlockWeights): Value {
    const { x: rows, ...joint } = this.#normed(x, `${name}.ln_1`, weights.norm1, weights.joint);
    const all = this.#toTokens(rows);
    const q = this.#linear(this.#first(all), `${name}.attn.q`, this.#query(joint));
    const mixed = this.#attentionOf(name, q, this.#items, all, joint);
    return this.#secondHalf(this.#first(this.#toTokens(x)), mixed, name, weights);
  }

  /** Attention of a learned query over all tokens of each item, and an MLP behind it: `[N, width]`. */
  pooled(x: Value, name: string, weights: PoolWeights): Value {
    const { weight, bias } = this.#query(weights.joint);
    const [rows, columns] = weight.shape as [number, number];
    const query = derive(
      [weights.probe, weight, bias],
      [1, rows],
      ([probe, w, b]) =>
        Float32Array.from(b, (sum, r) => {
          for (let c = 0; c < columns; c++) sum += w[r * columns + c]! * probe[c]!;
          return sum;
        }),
    );
    const q = this.g.weight(`${name}.attn.q`, query);
    const mixed = this.#attentionOf(name, q, 1, this.#toTokens(x), weights.joint);
    const attended = this.#linear(mixed, `${name}.attn.out_proj`, weights.out);
    return this.#feedForward(attended, name, weights.norm, weights);
  }

  /** From the attention's last projection on. */
  #secondHalf(
    x: Value,
    mixed: Value,
    block: string,
    weights: BlockWeights,
  ): Value {
    const attended = this.g.add(x, this.#linear(mixed, `${block}.attn.out_proj`, weights.out));
    return this.#feedForward(attended, block, weights.norm2, weights);
  }

  /** A norm and an MLP, beside which the input goes on. */
  #feedForward(
    x: Value,
    block: string,
    norm: Norm,
    { up, down }: Pick<BlockWeights, "up" | "down">,
  ): Value {
    const { g } = this;
    const { x: normed, ...layer } = this.#normed(x, `${block}.ln_2`, norm, up);
    const wide = this.#linear(normed, `${block}.mlp.c_fc`, layer);
    const hidden = activation(g, this.#options.activation, wide);
    return g.add(x, this.#linear(hidden, `${block}.mlp.c_proj`, down));
  }

  #first(tokens: Value): Value {
    return this.g.squeeze(this.g.slice(tokens, 1, 0, 1), [1]);
  }

  /** The joint projection's queries, times what scores are scaled by. */
  #query({ weight, bias }: Layer): Layer {
    const width = weight.shape[1]!;
    const scale = Math.sqrt(this.#options.heads / width);
    return { weight: rowsOf(weight, 0, width, scale), bias: rowsOf(bias, 0, width, scale) };
  }

  /**
   * Attention of one token over all: instead of each token's key and value, the one query is
   * brought to the tokens' space, and the one mix of tokens to the values' space. The keys' bias
   * adds the same to all scores and has no effect.
   *
   * @param q queries `[items, width]`; items is 1 where all items have the same
   */
  #attentionOf(block: string, q: Value, items: Dim, all: Value, joint: Layer): Value {
    const { g } = this;
    const { heads } = this.#options;
    const width = joint.weight.shape[1]!;
    const name = `${block}.attn`;
    const part = (kind: keyof Layer, at: number) =>
      rowsOf(joint[kind], at * width, (at + 1) * width);
    const keys = g.weight(`${name}.k`, headRows(part("weight", 1), heads));
    const values = g.weight(`${name}.v`, headColumns(part("weight", 2), heads));
    const asked = this.#perHead(g.reshape(q, [items, heads, width / heads]), keys);
    const shares = g.softmax(g.matmul(asked, g.transpose(all, [0, 2, 1])));
    const mixed = this.#perHead(g.matmul(shares, all), values);
    return g.add(
      g.reshape(mixed, [this.#items, width]),
      g.weight(`${name}.v_bias`, part("bias", 2)),
    );
  }

  /** Each head's rows `[N, heads, in]` times its own matrix, of `[heads, in, out]`. */
  #perHead(x: Value, matrices: Value): Value {
    const { g } = this;
    return g.transpose(g.matmul(g.transpose(x, [1, 0, 2]), matrices), [1, 0, 2]);
  }
}
