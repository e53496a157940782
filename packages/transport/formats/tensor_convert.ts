/**
 * Conversions between the floating-point dtypes. Narrowing rounds to nearest, ties to even, once:
 * from double straight to the narrow type. Infinities stay, larger numbers than fit become infinite,
 * NaN stays NaN.
 *
 * @example bfloat16 keeps eight bits of a number
 * ```ts
 * import { tensor } from "@vcs/transport/tensor";
 * import { convertTensor } from "@vcs/transport";
 * import assert from "node:assert/strict";
 *
 * const x = tensor("F32", [2], new Float32Array([1, 3.14159]));
 * const narrow = convertTensor(x, "BF16");
 * assert.deepEqual(narrow.data, new Uint16Array([0x3f80, 0x4049]));
 * assert.deepEqual(convertTensor(narrow, "F32").data, new Float32Array([1, 3.140625]));
 * ```
 *
 * @module
 */
import { fromHalf, toHalf } from "./half.ts";
import { type Tensor, tensor, type TensorArrays } from "../tensor.ts";

/** A dtype that {@linkcode convertTensor} reads and makes. */
export type FloatDType = "F16" | "BF16" | "F32" | "F64";

const QUIET_NAN = 0x40;

/**
 * Rounds to bfloat16.
 *
 * @returns raw bits: the upper halves of the float32 numbers
 */
export function toBfloat16(values: Float32Array | Float64Array | Float16Array): Uint16Array {
  if (values instanceof Float64Array) return doublesToBfloat16(values);
  const singles = values instanceof Float32Array ? values : new Float32Array(values);
  const words = new Uint32Array(singles.buffer, singles.byteOffset, singles.length);
  const out = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) out[i] = roundHalf(words[i]!);
  return out;
}

function doublesToBfloat16(values: Float64Array): Uint16Array {
  const singles = new Float32Array(values);
  const words = new Uint32Array(singles.buffer);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    out[i] = roundHalf(sticky(words[i]!, values[i]!, singles[i]!));
  }
  return out;
}

/**
 * A double that float32 rounds onto the middle between two bfloat16 numbers is not in the middle:
 * moves the low bits to the side where it was, so that the second rounding goes the right way.
 */
function sticky(bits: number, value: number, single: number): number {
  if ((bits & 0xffff) !== 0x8000 || value === single) return bits;
  return Math.abs(value) > Math.abs(single) ? bits + 1 : bits - 1;
}

/** Rounds the bits of a float32 to their upper half, ties to even. */
function roundHalf(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | QUIET_NAN;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Widens raw bfloat16 bits, which is exact. */
export function fromBfloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

const FROM_NUMBERS: {
  readonly [D in FloatDType]: (
    values: Float16Array | Float32Array | Float64Array,
  ) => TensorArrays[D];
} = {
  // Raw bits where tensors of this runtime have these.
  F16: (values) =>
    globalThis.Float16Array ? new Float16Array(values) : toHalf(values) as unknown as Float16Array,
  BF16: toBfloat16,
  F32: (values) => new Float32Array(values),
  F64: (values) => new Float64Array(values),
};

/** A tensor's numbers, widened where it has raw bits. */
function numbersOf({ dtype, data }: Tensor<FloatDType>) {
  if (!(data instanceof Uint16Array)) return data;
  return dtype === "BF16" ? fromBfloat16(data) : fromHalf(data);
}

/**
 * Converts a tensor to another floating-point dtype. A tensor that has it already is
 * returned itself.
 */
export function convertTensor<D extends FloatDType>(t: Tensor<FloatDType>, dtype: D): Tensor<D> {
  if (t.dtype === dtype) return t as Tensor<D>;
  return tensor(dtype, t.shape, FROM_NUMBERS[dtype](numbersOf(t)));
}
