/**
 * Converts arrays of other layouts, in memory or in a file, to that of tensors: C order,
 * little-endian.
 *
 * @example The transpose of a matrix
 * ```ts
 * import { packStrided } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array([1, 2, 3, 4, 5, 6]); // [2, 3]
 * const transposed = packStrided("U8", [3, 2], [1, 3], bytes);
 * assert.deepEqual(transposed.data, new Uint8Array([1, 4, 2, 5, 3, 6]));
 * ```
 *
 * @module
 */
import {
  type DType,
  dtypeSize,
  elementCount,
  type Tensor,
  tensorByteLength,
  tensorFromBytes,
} from "../tensor.ts";

const WORDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/** Steps of each axis, in elements, of a shape in C order. */
export function packedStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** Whether strides are those of C order; axes of one element may have any stride. */
export function isPacked(shape: readonly number[], strides: readonly number[]): boolean {
  const packed = packedStrides(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === packed[axis]);
}

/**
 * Elements from the first to behind the last that a strided view looks at; 0 where it is empty.
 *
 * @param strides step of each axis in elements, zero or more
 */
export function stridedSpan(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((span, size, axis) => span + (size - 1) * strides[axis]!, 1);
}

/**
 * Gathers a strided view into a tensor. Where the bytes are in C order already, the tensor keeps
 * them, as {@linkcode tensorFromBytes} does.
 *
 * @param strides step of each axis in elements, zero or more
 * @param bytes the bytes from the view's first element to its last
 * @throws {RangeError} where the bytes are fewer or more than the view spans, or the elements of a
 * view out of order are packed within bytes (F4, F6).
 */
export function packStrided<D extends DType>(
  dtype: D,
  shape: readonly number[],
  strides: readonly number[],
  bytes: Uint8Array,
): Tensor<D> {
  if (isPacked(shape, strides)) return tensorFromBytes(dtype, shape, bytes);
  const width = dtypeSize(dtype);
  const span = stridedSpan(shape, strides) * width;
  if (bytes.length !== span || !(width in WORDS)) {
    throw new RangeError(
      `Cannot gather ${dtype} [${shape}] of strides [${strides}] from ${bytes.length} bytes: it spans ${span}`,
    );
  }
  // The loop is the same for numbers and bigints; typed as numbers to have it once.
  const Words = WORDS[width as keyof typeof WORDS] as typeof Uint8Array;
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const from = new Words(aligned.buffer, aligned.byteOffset, aligned.length / width);
  const to = new Words(elementCount(shape));
  copyStrided(from, to, shape, strides);
  return tensorFromBytes(
    dtype,
    shape,
    new Uint8Array(to.buffer, 0, tensorByteLength(dtype, shape)),
  );
}

/** Walks the view in C order; the innermost axis is a plain loop. */
function copyStrided(
  from: Uint8Array,
  to: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const last = shape.length - 1;
  const counter = new Array<number>(last).fill(0);
  let base = 0;
  for (let at = 0; at < to.length;) {
    for (let i = 0; i < shape[last]!; i++) to[at++] = from[base + i * strides[last]!]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      base += strides[axis]!;
      if (++counter[axis]! < shape[axis]!) break;
      base -= strides[axis]! * shape[axis]!;
      counter[axis] = 0;
    }
  }
}

/** Reverses the bytes of each number in place: big-endian to little-endian and back. */
export function swapByteOrder(dtype: DType, bytes: Uint8Array): void {
  const width = dtype === "C64" ? 4 : dtypeSize(dtype);
  if (width < 2) return;
  for (let at = 0; at + width <= bytes.length; at += width) {
    bytes.subarray(at, at + width).reverse();
  }
}
