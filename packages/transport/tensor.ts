/**
 * Tensors: a dtype, a shape and a typed array, little-endian in C order, with dtypes named as
 * safetensors names them.
 *
 * @example A tensor and a view of its second row
 * ```ts
 * import { tensor, tensorBytes } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const x = tensor("F32", [2, 3], new Float32Array([1, 2, 3, 4, 5, 6]));
 * assert.equal(tensorBytes(x).byteLength, 24);
 * ```
 *
 * @module
 */

/** The typed array that holds the elements of each dtype. */
export interface TensorArrays {
  /** Booleans, one byte each, 0 or 1. */
  BOOL: Uint8Array;
  /** Unsigned 8-bit integers. */
  U8: Uint8Array;
  /** Signed 8-bit integers. */
  I8: Int8Array;
  /** 8-bit floats with 5 exponent bits, as raw bits. */
  F8_E5M2: Uint8Array;
  /** 8-bit floats with 4 exponent bits, as raw bits. */
  F8_E4M3: Uint8Array;
  /** 8-bit power-of-two scales, as raw bits. */
  F8_E8M0: Uint8Array;
  /** Signed 16-bit integers. */
  I16: Int16Array;
  /** Unsigned 16-bit integers. */
  U16: Uint16Array;
  /** IEEE 754 half precision. */
  F16: Float16Array;
  /** bfloat16, as raw bits: the upper half of a float32. */
  BF16: Uint16Array;
  /** Signed 32-bit integers. */
  I32: Int32Array;
  /** Unsigned 32-bit integers. */
  U32: Uint32Array;
  /** IEEE 754 single precision. */
  F32: Float32Array;
  /** Complex numbers of two float32, real part first: two array elements for one of the shape. */
  C64: Float32Array;
  /** IEEE 754 double precision. */
  F64: Float64Array;
  /** Signed 64-bit integers. */
  I64: BigInt64Array;
  /** Unsigned 64-bit integers. */
  U64: BigUint64Array;
}

/** Name of an element type, as safetensors spells it. */
export type DType = keyof TensorArrays;

/** A dense array: elements in C order, little-endian. */
export interface Tensor<D extends DType = DType> {
  /** Element type. */
  readonly dtype: D;
  /** Size of each axis; empty for a scalar. */
  readonly shape: readonly number[];
  /** The elements; may be a view into a larger buffer. */
  readonly data: TensorArrays[D];
}

type TypedArrayConstructor<A> = {
  new (length: number): A;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): A;
  readonly BYTES_PER_ELEMENT: number;
};

const ARRAYS: { readonly [D in DType]: TypedArrayConstructor<TensorArrays[D]> } = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  F8_E5M2: Uint8Array,
  F8_E4M3: Uint8Array,
  F8_E8M0: Uint8Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: Float16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  C64: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
};

/** Every dtype name, in safetensors' order of size. */
export const DTYPES: readonly DType[] = Object.keys(ARRAYS) as DType[];

/** Whether a string names a dtype. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(ARRAYS, name);
}

/** Bytes that one element takes. */
export function dtypeSize(dtype: DType): number {
  return dtype === "C64" ? 8 : ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/**
 * Number of elements of a shape; 1 for a scalar.
 *
 * @throws {RangeError} where a dimension is not a whole number of zero or more, or the product
 * passes 2^53 - 1.
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError(
        `Cannot use shape [${shape}]: each dimension must be a whole number of zero or more, found ${size}`,
      );
    }
    count *= size;
  }
  if (!Number.isSafeInteger(count)) {
    throw new RangeError(`Cannot use shape [${shape}]: it has more than 2^53 - 1 elements`);
  }
  return count;
}

/**
 * Makes a tensor of existing data, or of zeros where none is given. The data is not copied.
 *
 * @throws {RangeError} where the array's length is not the shape's number of elements.
 * @throws {TypeError} where the array is not of the dtype's class.
 */
export function tensor<D extends DType>(
  dtype: D,
  shape: readonly number[],
  data?: TensorArrays[D],
): Tensor<D> {
  const length = elementCount(shape) * (dtype === "C64" ? 2 : 1);
  if (data === undefined) return { dtype, shape, data: new ARRAYS[dtype](length) };
  if (!(data instanceof ARRAYS[dtype])) {
    throw new TypeError(
      `Cannot make a tensor of ${dtype}: data must be a ${ARRAYS[dtype].name}, found ${
        Object.prototype.toString.call(data).slice(8, -1)
      }`,
    );
  }
  if (data.length !== length) {
    throw new RangeError(
      `Cannot make a tensor of shape [${shape}]: found ${data.length} array elements, the shape takes ${length}`,
    );
  }
  return { dtype, shape, data };
}

/** The tensor's bytes: a view, not a copy. */
export function tensorBytes(t: Tensor): Uint8Array {
  return new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength);
}

/**
 * Reads bytes as a tensor: a view where the bytes lie aligned in their buffer, else one copy.
 *
 * @throws {RangeError} where the number of bytes is not the shape's.
 */
export function tensorFromBytes<D extends DType>(
  dtype: D,
  shape: readonly number[],
  bytes: Uint8Array,
): Tensor<D> {
  const wanted = elementCount(shape) * dtypeSize(dtype);
  if (bytes.byteLength !== wanted) {
    throw new RangeError(
      `Cannot read ${dtype} [${shape}]: found ${bytes.byteLength} bytes, it takes ${wanted}`,
    );
  }
  const Class = ARRAYS[dtype];
  const aligned = bytes.byteOffset % Class.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  const length = wanted / Class.BYTES_PER_ELEMENT;
  return { dtype, shape, data: new Class(aligned.buffer, aligned.byteOffset, length) };
}
