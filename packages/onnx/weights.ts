/**
 * Weights on their way from a checkpoint into a graph: read late, converted between float types,
 * computed from others. All of it is lazy, so that describing a network of gigabytes reads nothing.
 *
 * @example A weight that is computed when it is written
 * ```ts
 * import { derive } from "@vcs/onnx/weights";
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
import { type DType, type Tensor, tensor } from "@vcs/transport/tensor";
import { isFloat, type LazyTensor, type WeightSource } from "./graph_core.ts";

/** Elements of a float tensor as float32: the same array where it is that already. */
export function toFloat32(t: Tensor): Float32Array {
  if (t.data instanceof Float32Array && t.dtype === "F32") return t.data;
  if (t.data instanceof Uint16Array && t.dtype === "BF16") {
    const bits = Uint32Array.from(t.data, (upper) => upper << 16);
    return new Float32Array(bits.buffer);
  }
  if (t.data instanceof Float64Array || t.data instanceof Float16Array) {
    return Float32Array.from(t.data);
  }
  throw new TypeError(
    `Cannot read floats: found dtype ${t.dtype}, allowed are F16, BF16, F32 and F64`,
  );
}

/**
 * A tensor in another float type; the same tensor where it has the type already.
 *
 * @throws {TypeError} where one of the types is not a float.
 */
export function convertTensor(t: Tensor, dtype: DType): Tensor {
  if (t.dtype === dtype) return t;
  if (!isFloat(t.dtype) || (dtype !== "F32" && dtype !== "F16")) {
    throw new TypeError(
      `Cannot convert a tensor: found ${t.dtype} to ${dtype}, allowed is a float to F32 or F16`,
    );
  }
  const values = toFloat32(t);
  return dtype === "F32"
    ? tensor("F32", t.shape, values)
    : tensor("F16", t.shape, Float16Array.from(values));
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
