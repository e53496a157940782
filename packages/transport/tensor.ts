/**
 * Tensors: a dtype, a shape and a typed array, little-endian in C order, with dtypes named as
 * safetensors names them.
 *
 * @example A tensor and a view of its second row
 * ```ts
 * import { tensor, tensorBytes, tensorRows } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const x = tensor("F32", [2, 3], new Float32Array([1, 2, 3, 4, 5, 6]));
 * const row = tensorRows(x, 1, 2);
 * assert.deepEqual(row, tensor("F32", [1, 3], new Float32Array([4, 5, 6])));
 * assert.equal(row.data.buffer, x.data.buffer);
 * assert.equal(tensorBytes(x).byteLength, 24);
 * ```
 *
 * @module
 */

/** The typed array that holds the elements of each dtype. */
export interface TensorArrays {
  /** Booleans, one byte each, 0 or 1. */
  BOOL: Uint8Array;
  /**
   * 4-bit floats (2 exponent bits, 1 of fraction), packed as in the file: two elements to a byte,
   * so that the array has half as many elements as the shape.
   */
  F4: Uint8Array;
  /** 6-bit floats with 2 exponent bits, packed as in the file: four elements in 3 bytes. */
  F6_E2M3: Uint8Array;
  /** 6-bit floats with 3 exponent bits, packed as in the file: four elements in 3 bytes. */
  F6_E3M2: Uint8Array;
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
  /** 8-bit floats with 4 exponent bits, no infinities and no negative zero, as raw bits. */
  F8_E4M3FNUZ: Uint8Array;
  /** 8-bit floats with 5 exponent bits, no infinities and no negative zero, as raw bits. */
  F8_E5M2FNUZ: Uint8Array;
  /** Signed 16-bit integers. */
  I16: Int16Array;
  /** Unsigned 16-bit integers. */
  U16: Uint16Array;
  /**
   * IEEE 754 half precision. Runtimes without `Float16Array` (Node 20 and 22) have raw bits in a
   * `Uint16Array` here, as BF16 does everywhere; `convertTensor` reads and makes both.
   */
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

/** Type and shape of a tensor. */
export interface TensorInfo<D extends DType = DType> {
  /** Element type. */
  readonly dtype: D;
  /** Size of each axis; empty for a scalar. */
  readonly shape: readonly number[];
}

/** A dense array: elements in C order, little-endian. */
export interface Tensor<D extends DType = DType> extends TensorInfo<D> {
  /** The elements; may be a view into a larger buffer. */
  readonly data: TensorArrays[D];
}

type TypedArrayConstructor<A> = {
  new (length: number): A;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): A;
  readonly BYTES_PER_ELEMENT: number;
};

/** The array of F16: of raw bits where the runtime has none of its own. */
const HalfArray: TypedArrayConstructor<Float16Array> = globalThis.Float16Array ?? Uint16Array;

const ARRAYS: { readonly [D in DType]: TypedArrayConstructor<TensorArrays[D]> } = {
  BOOL: Uint8Array,
  F4: Uint8Array,
  F6_E2M3: Uint8Array,
  F6_E3M2: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  F8_E5M2: Uint8Array,
  F8_E4M3: Uint8Array,
  F8_E8M0: Uint8Array,
  F8_E4M3FNUZ: Uint8Array,
  F8_E5M2FNUZ: Uint8Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: HalfArray,
  BF16: Uint16Array,
  I32: Int32Array,
  U32: Uint32Array,
  F32: Float32Array,
  C64: Float32Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
};

/** Dtypes whose elements are not as wide as those of their array, with the width in bytes. */
const WIDTHS: { readonly [D in DType]?: number } = {
  F4: 0.5,
  F6_E2M3: 0.75,
  F6_E3M2: 0.75,
  C64: 8,
};

/** Every dtype name, in safetensors' own order. */
export const DTYPES: readonly DType[] = Object.keys(ARRAYS) as DType[];

/** Whether a string names a dtype. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(ARRAYS, name);
}

/** Bytes that one element takes: 0.5 for F4 and 0.75 for the 6-bit floats, which are packed. */
export function dtypeSize(dtype: DType): number {
  return WIDTHS[dtype] ?? ARRAYS[dtype].BYTES_PER_ELEMENT;
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
 * Bytes that a tensor takes.
 *
 * @throws {RangeError} where the shape is not valid, the bytes exceed 2^53 - 1, or packed elements do
 * not fill their last byte.
 */
export function tensorByteLength(dtype: DType, shape: readonly number[]): number {
  const bytes = elementCount(shape) * dtypeSize(dtype);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new RangeError(
    bytes > Number.MAX_SAFE_INTEGER
      ? `Cannot use shape [${shape}] with ${dtype}: it has more than 2^53 - 1 bytes`
      : `Cannot use shape [${shape}] with ${dtype}: its elements fill ${bytes} bytes, expected full bytes`,
  );
}

function arrayLength(dtype: DType, shape: readonly number[]): number {
  return tensorByteLength(dtype, shape) / ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/**
 * Makes a tensor of existing data, which is not copied. Default of the data: zeros.
 *
 * @throws {RangeError} where the array's length is not the shape's number of elements.
 * @throws {TypeError} where the array is not of the dtype's class.
 */
export function tensor<D extends DType>(
  dtype: D,
  shape: readonly number[],
  data?: TensorArrays[D],
): Tensor<D> {
  const length = arrayLength(dtype, shape);
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
 * Reads bytes as a tensor: a view where the bytes are aligned in their buffer, else a copy.
 *
 * @throws {RangeError} where the number of bytes is not the shape's.
 */
export function tensorFromBytes<D extends DType>(
  dtype: D,
  shape: readonly number[],
  bytes: Uint8Array,
): Tensor<D> {
  const wanted = tensorByteLength(dtype, shape);
  if (bytes.byteLength !== wanted) {
    throw new RangeError(
      `Cannot read ${dtype} [${shape}]: found ${bytes.byteLength} bytes, it takes ${wanted}`,
    );
  }
  const Class = ARRAYS[dtype];
  const isAligned = bytes.byteOffset % Class.BYTES_PER_ELEMENT === 0;
  // Not `slice`: of a Buffer that is a view, no better aligned.
  const aligned = isAligned ? bytes : new Uint8Array(bytes);
  const length = wanted / Class.BYTES_PER_ELEMENT;
  return { dtype, shape, data: new Class(aligned.buffer, aligned.byteOffset, length) };
}

/**
 * The same elements under another shape: a view, not a copy.
 *
 * @throws {RangeError} where the shape has another number of elements.
 */
export function tensorReshape<D extends DType>(t: Tensor<D>, shape: readonly number[]): Tensor<D> {
  if (elementCount(shape) === elementCount(t.shape)) return { dtype: t.dtype, shape, data: t.data };
  throw new RangeError(
    `Cannot reshape [${t.shape}] to [${shape}]: the numbers of elements differ`,
  );
}

/**
 * A range along the first axis: a view, not a copy.
 *
 * @param start first row
 * @param end one past the last row
 * @throws {RangeError} where the tensor is a scalar, the range leaves the axis, or packed elements
 * would be cut within a byte.
 */
export function tensorRows<D extends DType>(t: Tensor<D>, start: number, end: number): Tensor<D> {
  const [rows, ...rest] = t.shape;
  const whole = Number.isInteger(start) && Number.isInteger(end);
  if (rows === undefined || !whole || start < 0 || end < start || end > rows) {
    throw new RangeError(`Cannot take rows ${start} to ${end} of a tensor of shape [${t.shape}]`);
  }
  const data = t.data.subarray(
    arrayLength(t.dtype, [start, ...rest]),
    arrayLength(t.dtype, [end, ...rest]),
  );
  return { dtype: t.dtype, shape: [end - start, ...rest], data: data as TensorArrays[D] };
}
