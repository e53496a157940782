/**
 * Building ONNX graphs in the words of the network: each method adds one operator, checks its
 * operands and gives a value with its element type and shape. A description reads from top to
 * bottom as the table in the paper does, and a wrong size is an error on its own line, not a
 * message of the runtime about node 217.
 *
 * Sizes known only when the graph runs are symbols; `@vcs/onnx` does the arithmetic.
 *
 * @example A residual unit over a signal of any length
 * ```ts
 * import { GraphBuilder } from "@vcs/onnx/graph";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const g = new GraphBuilder("residual");
 * const x = g.input("x", "F32", ["N", 16, "T"]);
 * const w = g.weight("w", tensor("F32", [16, 16, 3]));
 * const y = g.add(x, g.conv(g.elu(x), w, undefined, { pads: 1 }));
 * g.output("y", y);
 * assert.deepEqual(y.shape, ["N", 16, "T"]);
 * ```
 *
 * @module
 */
import type { DType } from "@vcs/transport/tensor";
import { addDims, canonicalDim, type Dim, formatShape, sameCount, sameDim } from "./graph/dims.ts";
import { float, GraphCore, isFloat, type Value } from "./graph/core.ts";
import {
  axisOf,
  broadcastShape,
  convShape,
  convTransposeShape,
  matmulShape,
  mustEqual,
  poolShape,
  reducedShape,
  slicedDim,
  type Window,
  windowAttributes,
} from "./graph/shapes.ts";

export { addDims, type Dim, divideDim, multiplyDims, scaleDim } from "./graph/dims.ts";
export {
  type Attribute,
  type Attributes,
  float,
  type FloatAttribute,
  type FloatType,
  GraphCore,
  type GraphNode,
  type GraphOptions,
  type GraphWeight,
  type LazyTensor,
  type Value,
  type ValueType,
  type WeightSource,
} from "./graph/core.ts";
export type { Window } from "./graph/shapes.ts";
export {
  type LayerNormWeights,
  type PastAttention,
  type SlidingWindow,
  slidingWindow,
  transformerLayer,
  type TransformerWeights,
} from "./graph/attention.ts";
export {
  foldWeightNorm,
  interleave,
  lstm,
  type LstmState,
  type LstmWeights,
  upsampleBias,
  upsampleKernel,
} from "./graph/layers.ts";
export { modelBytes } from "./graph/model.ts";
export { derive, toFloat, transposed } from "./graph/weights.ts";

/** A value, or a number that becomes a constant of the other operand's element type. */
export type Operand = Value | number;

/** How the axes of an image or signal are resized. */
export interface ResizeOptions {
  /** Interpolation. */
  mode: "nearest" | "linear" | "cubic";
  /**
   * Where output samples lie between input samples. Default: `half_pixel`, and `asymmetric` for
   * `nearest`, as in PyTorch.
   */
  coordinates?: "half_pixel" | "align_corners" | "asymmetric" | "pytorch_half_pixel";
  /** Widens the filter when shrinking. */
  antialias?: boolean;
}

/** A graph under construction, with a method for each operator that our networks need. */
export class GraphBuilder extends GraphCore {
  #unary(type: string, x: Value): Value {
    return this.op(type, [x], {}, x);
  }

  #operands(type: string, a: Operand, b: Operand): [Value, Value] {
    const dtype = typeof a !== "number" ? a.dtype : typeof b !== "number" ? b.dtype : this.float;
    const left = typeof a === "number" ? this.scalar(a, dtype) : a;
    const right = typeof b === "number" ? this.scalar(b, dtype) : b;
    mustEqual(type, "element types", left.dtype, right.dtype);
    return [left, right];
  }

  #binary(type: string, a: Operand, b: Operand, dtype?: DType): Value {
    const [left, right] = this.#operands(type, a, b);
    const shape = broadcastShape(type, left.shape, right.shape);
    return this.op(type, [left, right], {}, { dtype: dtype ?? left.dtype, shape });
  }

  /** `a + b`, axes of size 1 stretched. */
  add(a: Operand, b: Operand): Value {
    return this.#binary("Add", a, b);
  }

  /** `a - b`. */
  sub(a: Operand, b: Operand): Value {
    return this.#binary("Sub", a, b);
  }

  /** `a * b`, element by element. */
  mul(a: Operand, b: Operand): Value {
    return this.#binary("Mul", a, b);
  }

  /** `a / b`; whole numbers are cut towards zero. */
  div(a: Operand, b: Operand): Value {
    return this.#binary("Div", a, b);
  }

  /** `a` to the power `b`. */
  pow(a: Operand, b: Operand): Value {
    return this.#binary("Pow", a, b);
  }

  /** Remainder of whole numbers, with the sign of the divisor. */
  mod(a: Operand, b: Operand): Value {
    return this.#binary("Mod", a, b);
  }

  /** The smaller of each two elements. */
  min(a: Operand, b: Operand): Value {
    return this.#binary("Min", a, b);
  }

  /** The larger of each two elements. */
  max(a: Operand, b: Operand): Value {
    return this.#binary("Max", a, b);
  }

  /** Whether `a = b`. */
  equal(a: Operand, b: Operand): Value {
    return this.#binary("Equal", a, b, "BOOL");
  }

  /** Whether `a < b`. */
  less(a: Operand, b: Operand): Value {
    return this.#binary("Less", a, b, "BOOL");
  }

  /** Whether `a > b`. */
  greater(a: Operand, b: Operand): Value {
    return this.#binary("Greater", a, b, "BOOL");
  }

  /** Whether `a >= b`. */
  greaterOrEqual(a: Operand, b: Operand): Value {
    return this.#binary("GreaterOrEqual", a, b, "BOOL");
  }

  /** Whether both are true. */
  and(a: Value, b: Value): Value {
    return this.#binary("And", a, b);
  }

  /** `a` where the condition holds, else `b`. */
  where(condition: Value, a: Operand, b: Operand): Value {
    mustEqual("Where", "condition's element type and BOOL", condition.dtype, "BOOL");
    const [left, right] = this.#operands("Where", a, b);
    const shape = broadcastShape(
      "Where",
      condition.shape,
      broadcastShape("Where", left.shape, right.shape),
    );
    return this.op("Where", [condition, left, right], {}, { dtype: left.dtype, shape });
  }

  /** Magnitude. */
  abs(x: Value): Value {
    return this.#unary("Abs", x);
  }

  /** `-x`. */
  neg(x: Value): Value {
    return this.#unary("Neg", x);
  }

  /** Square root. */
  sqrt(x: Value): Value {
    return this.#unary("Sqrt", x);
  }

  /** e to the power x. */
  exp(x: Value): Value {
    return this.#unary("Exp", x);
  }

  /** The largest whole number that is not above x. */
  floor(x: Value): Value {
    return this.#unary("Floor", x);
  }

  /** The nearest whole number; halves go to the even one. */
  round(x: Value): Value {
    return this.#unary("Round", x);
  }

  /** `1 / (1 + e^-x)`. */
  sigmoid(x: Value): Value {
    return this.#unary("Sigmoid", x);
  }

  /** Hyperbolic tangent. */
  tanh(x: Value): Value {
    return this.#unary("Tanh", x);
  }

  /** `max(x, 0)`. */
  relu(x: Value): Value {
    return this.#unary("Relu", x);
  }

  /** `x` above zero, `alpha (e^x - 1)` below. */
  elu(x: Value, alpha = 1): Value {
    return this.op("Elu", [x], { alpha: float(alpha) }, x);
  }

  /** Elements held between two bounds. */
  clip(x: Value, low: number, high: number): Value {
    return this.op("Clip", [x, this.scalar(low, x.dtype), this.scalar(high, x.dtype)], {}, x);
  }

  /** The same elements in another element type. */
  cast(x: Value, dtype: DType): Value {
    if (x.dtype === dtype) return x;
    return this.op("Cast", [x], { to: { dtype } }, { dtype, shape: x.shape });
  }

  /** The axes of a value as a vector of whole numbers, or those from `start` to `end`. */
  shapeOf(x: Value, start = 0, end: number = x.shape.length): Value {
    return this.op("Shape", [x], { start, end }, { dtype: "I64", shape: [end - start] });
  }

  /**
   * The same elements under another shape.
   *
   * @throws {RangeError} where the numbers of elements differ, or more than one new axis is
   * symbolic and not at its old place.
   */
  reshape(x: Value, shape: readonly Dim[]): Value {
    if (!sameCount(x.shape, shape)) {
      throw new RangeError(
        `Cannot reshape ${formatShape(x.shape)} to ${
          formatShape(shape)
        }: the numbers of elements differ`,
      );
    }
    const target = shape.map((d, i) => {
      if (typeof canonicalDim(d) === "number") return Number(canonicalDim(d));
      return i < x.shape.length && sameDim(d, x.shape[i]!) ? 0 : -1;
    });
    if (target.filter((d) => d === -1).length > 1) {
      throw new RangeError(
        `Cannot reshape ${formatShape(x.shape)} to ${
          formatShape(shape)
        }: only one new axis may be symbolic`,
      );
    }
    return this.op("Reshape", [x, this.int64(target)], {}, { dtype: x.dtype, shape });
  }

  /** The axes in another order. */
  transpose(x: Value, order: readonly number[]): Value {
    const sorted = [...order].sort((a, b) => a - b);
    if (order.length !== x.shape.length || sorted.some((axis, i) => axis !== i)) {
      throw new RangeError(
        `Cannot transpose ${
          formatShape(x.shape)
        }: found order [${order}], each axis must be named once`,
      );
    }
    const shape = order.map((axis) => x.shape[axis]!);
    return this.op("Transpose", [x], { perm: order }, { dtype: x.dtype, shape });
  }

  /** Values one after the other along an axis; all other axes must be equal. */
  concat(values: readonly Value[], axis: number): Value {
    const [first, ...rest] = values;
    if (first === undefined) throw new RangeError("Cannot concat: found no values");
    const at = axisOf("Concat", first, axis);
    const shape = [...first.shape];
    for (const value of rest) {
      mustEqual("Concat", "element types", first.dtype, value.dtype);
      mustEqual("Concat", "numbers of axes", first.shape.length, value.shape.length);
      value.shape.forEach((d, i) => {
        if (i === at) shape[i] = addDims(shape[i]!, d);
        else mustEqual("Concat", `sizes of axis ${i}`, first.shape[i]!, d);
      });
    }
    return this.op("Concat", values, { axis: at }, { dtype: first.dtype, shape });
  }

  /**
   * Part of an axis, from `start` up to and without `end`; negative positions count from the
   * end of the axis.
   */
  slice(x: Value, axis: number, start: number, end?: number, step = 1): Value {
    const at = axisOf("Slice", x, axis);
    const shape = [...x.shape];
    shape[at] = slicedDim(shape[at]!, start, end, step);
    const stop = end ?? Number.MAX_SAFE_INTEGER;
    const operands = [[start], [stop], [at], [step]].map((v) => this.int64(v));
    return this.op("Slice", [x, ...operands], {}, { dtype: x.dtype, shape });
  }

  /** Parts of these sizes along an axis. */
  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    const at = axisOf("Split", x, axis);
    mustEqual(
      "Split",
      "sum of the parts and size of the axis",
      sizes.reduce((a, b) => a + b, 0),
      x.shape[at]!,
    );
    const parts = sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.with(at, size) }));
    return this.node("Split", [x, this.int64(sizes)], { axis: at }, parts);
  }

  /** The value without these axes, each of size 1. */
  squeeze(x: Value, axes: readonly number[]): Value {
    const gone = axes.map((axis) => axisOf("Squeeze", x, axis));
    for (const axis of gone) mustEqual("Squeeze", `size of axis ${axis} and 1`, x.shape[axis]!, 1);
    const shape = x.shape.filter((_, i) => !gone.includes(i));
    return this.op("Squeeze", [x, this.int64(gone)], {}, { dtype: x.dtype, shape });
  }

  /** The value with new axes of size 1 at these places of the result. */
  unsqueeze(x: Value, axes: readonly number[]): Value {
    const shape = [...x.shape];
    for (const axis of [...axes].sort((a, b) => a - b)) shape.splice(axis, 0, 1);
    return this.op("Unsqueeze", [x, this.int64(axes)], {}, { dtype: x.dtype, shape });
  }

  /** Rows of a table along an axis, picked by whole numbers. */
  gather(table: Value, indices: Value, axis = 0): Value {
    const at = axisOf("Gather", table, axis);
    const shape = [...table.shape.slice(0, at), ...indices.shape, ...table.shape.slice(at + 1)];
    return this.op("Gather", [table, indices], { axis: at }, { dtype: table.dtype, shape });
  }

  /** Elements added before and after each axis, as `[[0, 0], [0, 0], [3, 3]]`. */
  pad(
    x: Value,
    sides: readonly (readonly [number, number])[],
    mode: "constant" | "reflect" | "edge" = "constant",
    value = 0,
  ): Value {
    mustEqual("Pad", "number of sides and of axes", sides.length, x.shape.length);
    const shape = x.shape.map((d, i) => addDims(d, sides[i]![0] + sides[i]![1]));
    const pads = this.int64([...sides.map((s) => s[0]), ...sides.map((s) => s[1])]);
    const fill = mode === "constant" ? [this.scalar(value, x.dtype)] : [];
    return this.op("Pad", [x, pads, ...fill], { mode }, { dtype: x.dtype, shape });
  }

  /** Product of matrices in the last two axes. */
  matmul(a: Value, b: Value): Value {
    mustEqual("MatMul", "element types", a.dtype, b.dtype);
    return this.op("MatMul", [a, b], {}, { dtype: a.dtype, shape: matmulShape(a.shape, b.shape) });
  }

  /**
   * Correlation over one to three axes: `x` `[N, C, …]` with `weight` `[M, C / groups, …]`.
   */
  conv(x: Value, weight: Value, bias?: Value, window: Window = {}): Value {
    const shape = convShape(x.shape, weight.shape, window);
    mustEqual("Conv", "element types", x.dtype, weight.dtype);
    if (bias) {
      mustEqual(
        "Conv",
        "sizes of bias and outputs",
        formatShape(bias.shape),
        formatShape([shape[1]!]),
      );
    }
    return this.op("Conv", [x, weight, bias], windowAttributes(weight, window), {
      dtype: x.dtype,
      shape,
    });
  }

  /** Transposed correlation: `x` `[N, C, …]` with `weight` `[C, M / groups, …]`. */
  convTranspose(x: Value, weight: Value, bias?: Value, window: Window = {}): Value {
    const shape = convTransposeShape(x.shape, weight.shape, window);
    mustEqual("ConvTranspose", "element types", x.dtype, weight.dtype);
    if (bias) {
      mustEqual(
        "ConvTranspose",
        "sizes of bias and outputs",
        formatShape(bias.shape),
        formatShape([shape[1]!]),
      );
    }
    return this.op("ConvTranspose", [x, weight, bias], windowAttributes(weight, window), {
      dtype: x.dtype,
      shape,
    });
  }

  /** Mean over windows of this size, whole ones only. */
  averagePool(x: Value, size: readonly number[], stride: readonly number[] = size): Value {
    const shape = poolShape(x.shape, size, stride);
    return this.op("AveragePool", [x], { kernel_shape: size, strides: stride }, {
      dtype: x.dtype,
      shape,
    });
  }

  #reduce(type: string, x: Value, axes: readonly number[], keep: boolean): Value {
    const at = axes.map((axis) => axisOf(type, x, axis));
    const shape = reducedShape(x.shape, at, keep);
    return this.op(type, [x, this.int64(at)], { keepdims: Number(keep) }, {
      dtype: x.dtype,
      shape,
    });
  }

  /** Mean over axes, which stay with size 1 unless `keep` is false. */
  mean(x: Value, axes: readonly number[], keep = true): Value {
    return this.#reduce("ReduceMean", x, axes, keep);
  }

  /** Sum over axes. */
  sum(x: Value, axes: readonly number[], keep = true): Value {
    return this.#reduce("ReduceSum", x, axes, keep);
  }

  /** Smallest element over axes. */
  reduceMin(x: Value, axes: readonly number[], keep = true): Value {
    return this.#reduce("ReduceMin", x, axes, keep);
  }

  /** Largest element over axes. */
  reduceMax(x: Value, axes: readonly number[], keep = true): Value {
    return this.#reduce("ReduceMax", x, axes, keep);
  }

  /** Position of the first smallest element along an axis, as I64. */
  argMin(x: Value, axis: number, keep = false): Value {
    const at = axisOf("ArgMin", x, axis);
    const shape = reducedShape(x.shape, [at], keep);
    return this.op("ArgMin", [x], { axis: at, keepdims: Number(keep) }, { dtype: "I64", shape });
  }

  /** Position of the first largest element along an axis, as I64. */
  argMax(x: Value, axis: number, keep = false): Value {
    const at = axisOf("ArgMax", x, axis);
    const shape = reducedShape(x.shape, [at], keep);
    return this.op("ArgMax", [x], { axis: at, keepdims: Number(keep) }, { dtype: "I64", shape });
  }

  /**
   * The k largest (or smallest) elements along an axis, in order; equal ones by lower position.
   *
   * @param k a number, or a value `[1]` of I64 with `count` as the name of its size
   */
  topK(
    x: Value,
    k: number | { value: Value; count: Dim },
    { axis = -1, largest = true }: { axis?: number; largest?: boolean } = {},
  ): { values: Value; indices: Value } {
    const at = axisOf("TopK", x, axis);
    const count = typeof k === "number" ? k : k.count;
    const size = typeof k === "number" ? this.int64([k]) : k.value;
    const shape = x.shape.with(at, count);
    const types = [{ dtype: x.dtype, shape }, { dtype: "I64" as const, shape }];
    const [values, indices] = this.node(
      "TopK",
      [x, size],
      { axis: at, largest: Number(largest) },
      types,
    );
    return { values: values!, indices: indices! };
  }

  /** Shares that sum to one along an axis. */
  softmax(x: Value, axis = -1): Value {
    return this.op("Softmax", [x], { axis: axisOf("Softmax", x, axis) }, x);
  }

  /** Normalises over the last axis, then scales and shifts; statistics are float32. */
  layerNorm(x: Value, scale: Value, bias: Value, epsilon: number): Value {
    mustEqual(
      "LayerNormalization",
      "sizes of scale and last axis",
      formatShape(scale.shape),
      formatShape(x.shape.slice(-1)),
    );
    return this.op(
      "LayerNormalization",
      [x, scale, bias],
      { axis: -1, epsilon: float(epsilon) },
      x,
    );
  }

  /**
   * Brings axes to other sizes by interpolation.
   *
   * @param sizes the new size of every axis; `{ value, shape }` where it is known only at run time
   */
  resize(
    x: Value,
    sizes: readonly number[] | { value: Value; shape: readonly Dim[] },
    { mode, coordinates, antialias = false }: ResizeOptions,
  ): Value {
    const given = "value" in sizes ? sizes : { value: this.int64(sizes), shape: sizes };
    mustEqual("Resize", "numbers of axes", given.shape.length, x.shape.length);
    const attributes = {
      mode,
      coordinate_transformation_mode: coordinates ??
        (mode === "nearest" ? "asymmetric" : "half_pixel"),
      antialias: antialias ? 1 : undefined,
      ...(mode === "nearest" ? { nearest_mode: "floor" } : {}),
      ...(mode === "cubic" && antialias ? { cubic_coeff_a: float(-0.5), exclude_outside: 1 } : {}),
    };
    return this.op("Resize", [x, undefined, undefined, given.value], attributes, {
      dtype: x.dtype,
      shape: given.shape,
    });
  }

  /** Brings a float value to the graph's float type. */
  toFloat(x: Value): Value {
    return isFloat(x.dtype) && x.dtype === this.float ? x : this.cast(x, this.float);
  }
}
