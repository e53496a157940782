/**
 * Weights on their way from a checkpoint into a graph: read late, converted between float types,
 * computed from others. All of it is lazy, so that describing a network of gigabytes reads nothing.
 *
 * @example A weight that is computed when it is written
 * ```ts
 * import { derive } from "@vcs/onnx";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const a = tensor("F32", [2], new Float32Array([1, 2]));
 * const doubled = derive([a], [2], ([x]) => x.map((v) => 2 * v));
 * assert.deepEqual([...(await doubled.read()).data], [2, 4]);
 * ```
 *
 * @module
 */
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { convertTensor, type FloatDType, transposeMatrix } from "@vcs/transport/portable";
import { type FloatType, isFloat, type LazyTensor, type WeightSource } from "./core.ts";

function isFloatTensor(t: Tensor): t is Tensor<FloatDType> {
  return isFloat(t.dtype);
}

/**
 * A float tensor in another float type; the same tensor where it has the type already.
 *
 * @throws {TypeError} where its elements are not floats.
 */
export function toFloat<D extends FloatType>(t: Tensor, dtype: D): Tensor<D> {
  if (isFloatTensor(t)) return convertTensor(t, dtype);
  throw new TypeError(
    `Cannot read floats: found dtype ${t.dtype}, expected F16, BF16, F32 or F64`,
  );
}

/**
 * Elements of a float tensor as float32: the same array where it is that already.
 *
 * @throws {TypeError} where its elements are not floats.
 */
export function toFloat32(t: Tensor): Float32Array {
  return toFloat(t, "F32").data;
}

/** Reads a weight's elements as float32. */
async function readFloat32(source: WeightSource): Promise<Float32Array> {
  return toFloat32("read" in source ? await source.read() : source);
}

/**
 * A weight computed from others when it is read.
 *
 * @param sources what it is computed from, read as float32
 * @param shape shape of the result
 * @param compute gives the elements; must not change its operands
 */
export function derive<const S extends readonly WeightSource[]>(
  sources: S,
  shape: readonly number[],
  compute: (operands: { [K in keyof S]: Float32Array }) => Float32Array,
): LazyTensor {
  return {
    dtype: "F32",
    shape,
    async read() {
      const operands = await Promise.all(sources.map(readFloat32));
      return tensor("F32", shape, compute(operands as { [K in keyof S]: Float32Array }));
    },
  };
}

/** The transpose of a matrix, computed when it is read. */
export function transposed(weight: WeightSource): LazyTensor {
  const [rows, columns] = weight.shape as [number, number];
  return derive([weight], [columns, rows], ([x]) => transposeMatrix(x, rows, columns));
}
