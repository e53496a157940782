/**
 * Shapes that operators give: the rules of the ONNX operator set, as plain functions.
 *
 * @module
 */
import { addDims, type Dim, divideDim, formatShape, sameDim, scaleDim } from "./dims.ts";
import type { Attributes, Value } from "./core.ts";

/** How a kernel moves over the axes of a signal, image or clip. */
export interface Window {
  /** Steps between outputs, for every axis or each. Default: 1. */
  stride?: number | readonly number[];
  /** Distance of the kernel's elements, for every axis or each. Default: 1. */
  dilation?: number | readonly number[];
  /**
   * Zeros around the input (of a transposed convolution: samples cut off): one number for every
   * side, or first all sides before, then all behind.
   */
  pads?: number | readonly number[];
  /** Number of independent groups of channels. Default: 1. */
  groups?: number;
}

/** Throws a RangeError where two things that must be equal are not. */
export function mustEqual(type: string, what: string, a: Dim, b: Dim): void {
  if (!sameDim(a, b)) {
    throw new RangeError(`Cannot add ${type}: ${what} must be equal, found ${a} and ${b}`);
  }
}

/** The place of an axis, counted from the end where it is negative. */
export function axisOf(type: string, x: Value, axis: number): number {
  const rank = x.shape.length;
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank) {
    throw new RangeError(
      `Cannot add ${type}: found axis ${axis}, ${formatShape(x.shape)} has axes ${-rank} to ${
        rank - 1
      }`,
    );
  }
  return at;
}

/** Common shape of two operands, axes of size 1 stretched. */
export function broadcastShape(type: string, a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (right === 1 || sameDim(left, right)) return left;
    if (left === 1) return right;
    throw new RangeError(
      `Cannot add ${type}: shapes ${formatShape(a)} and ${
        formatShape(b)
      } do not match at axis ${i}`,
    );
  });
}

/** Shape of a product of matrices. */
export function matmulShape(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  if (a.length < 2 || b.length < 2) {
    throw new RangeError(
      `Cannot add MatMul: found ${formatShape(a)} and ${
        formatShape(b)
      }, both need two axes or more`,
    );
  }
  mustEqual("MatMul", "inner sizes", a.at(-1)!, b.at(-2)!);
  return [...broadcastShape("MatMul", a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!];
}

interface FullWindow {
  stride: readonly number[];
  dilation: readonly number[];
  pads: readonly number[];
  groups: number;
}

function fullWindow(
  { stride = 1, dilation = 1, pads = 0, groups = 1 }: Window,
  axes: number,
): FullWindow {
  const full = {
    stride: typeof stride === "number" ? Array(axes).fill(stride) : stride,
    dilation: typeof dilation === "number" ? Array(axes).fill(dilation) : dilation,
    pads: typeof pads === "number" ? Array(2 * axes).fill(pads) : pads,
    groups,
  };
  mustEqual("Conv", "numbers of strides and axes", full.stride.length, axes);
  mustEqual("Conv", "numbers of dilations and axes", full.dilation.length, axes);
  mustEqual("Conv", "numbers of pads and sides", full.pads.length, 2 * axes);
  return full;
}

/** Attributes of a convolution. */
export function windowAttributes(weight: Value, window: Window): Attributes {
  const kernel = weight.shape.slice(2).map(Number);
  const { stride, dilation, pads, groups } = fullWindow(window, kernel.length);
  return { kernel_shape: kernel, strides: stride, dilations: dilation, pads, group: groups };
}

/** Shape of a convolution's output. */
export function convShape(x: readonly Dim[], weight: readonly Dim[], window: Window): Dim[] {
  mustEqual("Conv", "numbers of axes", x.length, weight.length);
  const axes = x.length - 2;
  const { stride, dilation, pads, groups } = fullWindow(window, axes);
  mustEqual("Conv", "channels of input and weight", x[1]!, scaleDim(weight[1]!, groups));
  const sizes = x.slice(2).map((size, i) => {
    const reach = dilation[i]! * (Number(weight[i + 2]) - 1);
    return addDims(divideDim(addDims(size, pads[i]! + pads[i + axes]! - reach - 1), stride[i]!), 1);
  });
  return [x[0]!, weight[0]!, ...sizes];
}

/** Shape of a transposed convolution's output. */
export function convTransposeShape(
  x: readonly Dim[],
  weight: readonly Dim[],
  window: Window,
): Dim[] {
  mustEqual("ConvTranspose", "numbers of axes", x.length, weight.length);
  const axes = x.length - 2;
  const { stride, dilation, pads, groups } = fullWindow(window, axes);
  mustEqual("ConvTranspose", "channels of input and weight", x[1]!, weight[0]!);
  const sizes = x.slice(2).map((size, i) => {
    const reach = dilation[i]! * (Number(weight[i + 2]) - 1);
    return addDims(scaleDim(addDims(size, -1), stride[i]!), reach + 1 - pads[i]! - pads[i + axes]!);
  });
  return [x[0]!, scaleDim(weight[1]!, groups), ...sizes];
}

/** Shape after pooling whole windows. */
export function poolShape(
  x: readonly Dim[],
  size: readonly number[],
  stride: readonly number[],
): Dim[] {
  mustEqual("AveragePool", "numbers of window sizes and axes", size.length, x.length - 2);
  const sizes = x.slice(2).map((d, i) => addDims(divideDim(addDims(d, -size[i]!), stride[i]!), 1));
  return [...x.slice(0, 2), ...sizes];
}

/** Shape after a reduction over axes. */
export function reducedShape(x: readonly Dim[], axes: readonly number[], keep: boolean): Dim[] {
  return keep ? x.map((d, i) => axes.includes(i) ? 1 : d) : x.filter((_, i) => !axes.includes(i));
}

/** Where a position lies in an axis of a known size. */
function within(position: number, size: number): number {
  return Math.min(size, Math.max(0, position < 0 ? position + size : position));
}

/** Size of an axis after a slice. */
export function slicedDim(size: Dim, start: number, end: number | undefined, step: number): Dim {
  if (step < 1) throw new RangeError(`Cannot add Slice: found step ${step}, expected 1 or more`);
  if (typeof size === "number") {
    const length = within(end ?? size, size) - within(start, size);
    return Math.max(0, Math.ceil(length / step));
  }
  const from = start < 0 ? addDims(size, start) : start;
  const to = end === undefined ? size : end < 0 ? addDims(size, end) : end;
  return divideDim(addDims(addDims(to, scaleDim(from, -1)), step - 1), step);
}
