/**
 * Layers that our networks share and that ONNX has no one operator for, or none that is right:
 * each is the PyTorch layer of the same name, in operators that every device has.
 *
 * @example Reflect padding that takes signals of any length
 * ```ts
 * import { GraphBuilder } from "@vcs/onnx/graph";
 * import { reflectPad } from "@vcs/onnx";
 * import { modelBytes } from "@vcs/onnx";
 * import { Session } from "@vcs/onnx/session";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const g = new GraphBuilder("pad");
 * g.output("y", reflectPad(g, g.input("x", "F32", [1, 1, "T"]), 2, 1));
 * using session = await Session.open(await modelBytes(g), { device: "cpu" });
 * const { y } = await session.run({ x: tensor("F32", [1, 1, 4], new Float32Array([1, 2, 3, 4])) });
 * assert.deepEqual([...y!.data], [3, 2, 1, 2, 3, 4, 3]);
 * ```
 *
 * @module
 */
import { addDims, type Dim, divideDim, multiplyDims, scaleDim } from "./dims.ts";
import type { GraphBuilder } from "../graph.ts";
import { float, type LazyTensor, type Value, type WeightSource } from "./core.ts";
import { mustEqual } from "./shapes.ts";
import { derive } from "./weights.ts";

/** Zeros that a short signal gets first, so that reflection has enough to reflect. */
function extendShort(g: GraphBuilder, x: Value, length: Value, needed: Value): Value {
  const missing = g.max(g.sub(g.add(needed, g.int64([1])), length), g.int64([0]));
  const pads = g.concat([g.int64([0, 0, 0, 0, 0]), missing], 0);
  return g.op("Pad", [x, pads, g.scalar(0, x.dtype)], { mode: "constant" }, x);
}

/**
 * Pads the last axis of a signal `[N, C, T]` by reflection, the edge sample not repeated.
 *
 * A signal too short to reflect is first extended by zeros at its end, and as many samples are
 * dropped from the end of the result: EnCodec's rule for small inputs
 * (`encodec/modules/conv.py`, `pad1d`).
 *
 * @param left samples to add before
 * @param right samples to add behind
 * @param multiple adds as many samples more behind as make the length a multiple of this
 */
export function reflectPad(
  g: GraphBuilder,
  x: Value,
  left: number,
  right: number,
  multiple = 1,
): Value {
  mustEqual("reflectPad", "number of axes and 3", x.shape.length, 3);
  const rounded = scaleDim(divideDim(addDims(x.shape[2]!, multiple - 1), multiple), multiple);
  const shape = x.shape.with(2, addDims(rounded, left + right));
  const length = x.shape[2]!;
  if (typeof length === "number") {
    const behind = Number(rounded) - length + right;
    if (left === 0 && behind === 0) return x;
    if (length > Math.max(left, behind)) {
      return g.pad(x, [[0, 0], [0, 0], [left, behind]], "reflect");
    }
  }
  const size = g.shapeOf(x, 2, 3);
  const behind = multiple === 1
    ? g.int64([right])
    : g.add(g.mod(g.neg(size), g.int64([multiple])), g.int64([right]));
  const extended = extendShort(g, x, size, g.max(behind, g.int64([left])));
  const pads = g.concat([g.int64([0, 0, left, 0, 0]), behind], 0);
  const padded = g.op("Pad", [extended, pads], { mode: "reflect" }, { dtype: x.dtype, shape });
  const end = g.add(g.add(size, behind), g.int64([left]));
  return g.op("Slice", [padded, g.int64([0]), end, g.int64([2])], {}, { dtype: x.dtype, shape });
}

/** Settings of {@linkcode groupNorm}. */
export interface GroupNormOptions {
  /** Number of groups that the channels fall into. */
  groups: number;
  /** Added to the variance. */
  epsilon: number;
  /** Factor of each channel `[C]`. */
  scale?: Value;
  /** Summand of each channel `[C]`. */
  bias?: Value;
}

/**
 * Group normalisation of `[N, C, …]` with statistics over each group's channels and all positions
 * (PyTorch's `GroupNorm`: biased variance), in float32 whatever the graph's float type.
 *
 * Means are taken over positions first and channels then: the runtime's own normalisations add a
 * million elements in one float32 and lose two digits.
 */
export function groupNorm(
  g: GraphBuilder,
  input: Value,
  { groups, epsilon, scale, bias }: GroupNormOptions,
): Value {
  const [batch, channels, ...space] = input.shape as [Dim, number, ...Dim[]];
  const grouped: Dim[] = [batch, groups, channels / groups, multiplyDims(space)];
  const x = g.reshape(g.cast(input, "F32"), grouped);
  const mean = (v: Value) => g.mean(g.mean(v, [3]), [2]);
  const centred = g.sub(x, mean(x));
  const variance = mean(g.mul(centred, centred));
  const perChannel = (v: Value) => g.reshape(g.cast(v, "F32"), [1, groups, channels / groups, 1]);
  const inverse = g.div(1, g.sqrt(g.add(variance, epsilon)));
  const scaled = g.mul(centred, scale ? g.mul(inverse, perChannel(scale)) : inverse);
  const shifted = bias ? g.add(scaled, perChannel(bias)) : scaled;
  return g.cast(g.reshape(shifted, input.shape), input.dtype);
}

/**
 * Weights of a weight-normalised layer: `v · g / ‖v‖`, the norm over all axes but the first and
 * in float64 (`torch.nn.utils.weight_norm`, dim 0: the input channels of a transposed convolution).
 *
 * @param magnitude `g`, one value for each place of the first axis
 * @param direction `v`
 */
export function foldWeightNorm(magnitude: WeightSource, direction: WeightSource): LazyTensor {
  const rows = direction.shape[0] ?? 1;
  return derive([magnitude, direction], direction.shape, ([g, v]) => {
    const size = v.length / rows;
    const folded = new Float32Array(v.length);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let i = row * size; i < (row + 1) * size; i++) sum += v[i]! * v[i]!;
      const factor = g[row]! / Math.sqrt(sum);
      for (let i = row * size; i < (row + 1) * size; i++) folded[i] = v[i]! * factor;
    }
    return folded;
  });
}

/**
 * The kernel `[C, M, 2·s]` of a transposed convolution with stride s as that of a convolution,
 * `[M·s, C, 2]`, which gives the s samples of each step as channels: row `m·s + j` holds tap
 * `j + s`, for the step before, and tap `j`. The runtime's convolution is twice as fast as its
 * transposed one.
 */
export function upsampleKernel(weight: WeightSource, stride: number): LazyTensor {
  const [inputs, outputs, kernel] = weight.shape as [number, number, number];
  mustEqual("upsample1d", "kernel and twice the stride", kernel, 2 * stride);
  return derive([weight], [outputs * stride, inputs, 2], ([w]) => {
    const result = new Float32Array(w.length);
    for (let c = 0; c < inputs; c++) {
      for (let row = 0; row < outputs * stride; row++) {
        const from = (c * outputs + Math.floor(row / stride)) * 2 * stride + row % stride;
        result[(row * inputs + c) * 2] = w[from + stride]!;
        result[(row * inputs + c) * 2 + 1] = w[from]!;
      }
    }
    return result;
  });
}

/** The bias `[M]` of a transposed convolution for the rows of {@linkcode upsampleKernel}. */
export function upsampleBias(bias: WeightSource, stride: number): LazyTensor {
  const rows = bias.shape[0]! * stride;
  return derive(
    [bias],
    [rows],
    ([values]) =>
      Float32Array.from({ length: rows }, (_, row) => values[Math.floor(row / stride)]!),
  );
}

/** Brings the s samples of each step from channels to time: `[N, M·s, T]` to `[N, M, T·s]`. */
export function interleave(g: GraphBuilder, steps: Value, stride: number): Value {
  const [batch, channels, length] = steps.shape as [Dim, number, Dim];
  const outputs = channels / stride;
  const samples = g.transpose(g.reshape(steps, [batch, outputs, stride, length]), [0, 1, 3, 2]);
  return g.reshape(samples, [batch, outputs, scaleDim(length, stride)]);
}

/**
 * Transposed convolution of a signal `[N, C, T]` with kernel twice the stride, untrimmed:
 * `[N, M, (T + 1)·s]`.
 *
 * @param name name of the weights in the model
 * @param weight `[C, M, 2·s]`, as PyTorch keeps it
 * @param bias `[M]`
 */
export function upsample1d(
  g: GraphBuilder,
  name: string,
  x: Value,
  weight: WeightSource,
  bias: WeightSource,
  stride: number,
): Value {
  const w = g.weight(`${name}.weight`, upsampleKernel(weight, stride));
  const b = g.weight(`${name}.bias`, upsampleBias(bias, stride));
  return interleave(g, g.conv(x, w, b, { pads: 1 }), stride);
}

/** Weights of one LSTM layer under PyTorch's names, without the number of the layer. */
export interface LstmWeights {
  /** `weight_ih` `[4·H, I]`. */
  weightIh: WeightSource;
  /** `weight_hh` `[4·H, H]`. */
  weightHh: WeightSource;
  /** `bias_ih` `[4·H]`. */
  biasIh: WeightSource;
  /** `bias_hh` `[4·H]`. */
  biasHh: WeightSource;
}

/** State of an LSTM layer between runs. */
export interface LstmState {
  /** Last output `[1, N, H]`. */
  h: Value;
  /** Cell `[1, N, H]`. */
  c: Value;
}

/** PyTorch's gates are i, f, g, o; ONNX's are i, o, f, c. */
const GATES = [0, 3, 1, 2];

/** Rows of four gates in ONNX's order. */
function reorderGates(rows: Float32Array): Float32Array {
  const size = rows.length / 4;
  const result = new Float32Array(rows.length);
  GATES.forEach((gate, at) => result.set(rows.subarray(gate * size, (gate + 1) * size), at * size));
  return result;
}

/**
 * One LSTM layer over `[T, N, I]` with PyTorch's weights.
 *
 * @param name name of the weights in the model
 * @param state state to begin with. Default: zeros.
 * @returns outputs `[T, N, H]` and the state after the last step
 */
export function lstm(
  g: GraphBuilder,
  name: string,
  x: Value,
  weights: LstmWeights,
  state?: LstmState,
): { y: Value } & LstmState {
  const [rows, inputs] = weights.weightIh.shape as [number, number];
  const hidden = rows / 4;
  const [time, batch] = x.shape as [Dim, Dim];
  mustEqual("LSTM", "inputs of x and weight", x.shape[2]!, inputs);
  const w = g.weight(
    `${name}.w`,
    derive([weights.weightIh], [1, rows, inputs], ([v]) => reorderGates(v)),
  );
  const r = g.weight(
    `${name}.r`,
    derive([weights.weightHh], [1, rows, hidden], ([v]) => reorderGates(v)),
  );
  const b = g.weight(
    `${name}.b`,
    derive([weights.biasIh, weights.biasHh], [1, 2 * rows], ([ih, hh]) => {
      const both = new Float32Array(2 * rows);
      both.set(reorderGates(ih));
      both.set(reorderGates(hh), rows);
      return both;
    }),
  );
  const last = { dtype: x.dtype, shape: [1, batch, hidden] };
  const all = { dtype: x.dtype, shape: [time, 1, batch, hidden] };
  const inputsOf = [x, w, r, b, undefined, state?.h, state?.c];
  const [y, h, c] = g.node("LSTM", inputsOf, { hidden_size: hidden }, [all, last, last]);
  return { y: g.squeeze(y!, [1]), h: h!, c: c! };
}

/** Name of an activation function, in the words of PyTorch and of model configurations. */
export type Activation =
  | "identity"
  | "relu"
  | "leaky_relu"
  | "elu"
  | "sigmoid"
  | "tanh"
  | "silu"
  | "gelu"
  | "gelu_tanh"
  | "quick_gelu"
  | "softplus";

type Function1 = (g: GraphBuilder, x: Value) => Value;

const ACTIVATIONS: { readonly [name in Activation]: Function1 } = {
  identity: (_, x) => x,
  relu: (g, x) => g.relu(x),
  leaky_relu: (g, x) => g.op("LeakyRelu", [x], { alpha: float(0.01) }, x),
  elu: (g, x) => g.elu(x),
  sigmoid: (g, x) => g.sigmoid(x),
  tanh: (g, x) => g.tanh(x),
  silu: (g, x) => g.mul(x, g.sigmoid(x)),
  gelu: (g, x) => g.op("Gelu", [x], {}, x),
  gelu_tanh: (g, x) => g.op("Gelu", [x], { approximate: "tanh" }, x),
  quick_gelu: (g, x) => g.mul(x, g.sigmoid(g.mul(x, 1.702))),
  softplus: (g, x) => g.op("Softplus", [x], {}, x),
};

/**
 * An activation function with PyTorch's default settings: `elu` has α = 1, `gelu` is the exact
 * one by the error function, `quick_gelu` is OpenAI's `x · sigmoid(1.702 x)`, `silu` is swish.
 */
export function activation(g: GraphBuilder, name: Activation, x: Value): Value {
  return ACTIVATIONS[name](g, x);
}
