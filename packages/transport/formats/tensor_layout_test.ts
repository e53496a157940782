import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type DType, dtypeSize, tensor, tensorBytes, tensorFromBytes } from "../tensor.ts";
import {
  isPacked,
  packedStrides,
  packStrided,
  stridedSpan,
  swapByteOrder,
} from "./tensor_layout.ts";

/** The definition: every index, one at a time. */
function gatherSlowly(shape: number[], strides: number[], from: ArrayLike<number>): number[] {
  const [size, ...rest] = shape;
  if (size === undefined) return [from[0]!];
  const step = strides[0]!;
  return Array.from(
    { length: size },
    (_, i) => gatherSlowly(rest, strides.slice(1), Array.prototype.slice.call(from, i * step)),
  ).flat();
}

Deno.test("packStrided() gathers what the definition says, for each element width", () => {
  const cases: [number[], number[]][] = [
    [[3, 2], [1, 3]],
    [[2, 3, 4], [1, 8, 2]],
    [[4, 3], [0, 1]],
    [[2, 2], [5, 2]],
    [[5], [3]],
    [[2, 1, 3], [3, 99, 0]],
  ];
  const dtypes: DType[] = ["U8", "I16", "F32", "F64", "C64"];
  for (const [shape, strides] of cases) {
    const span = stridedSpan(shape, strides);
    const indices = Array.from({ length: span }, (_, i) => i);
    const wanted = gatherSlowly(shape, strides, indices);
    for (const dtype of dtypes) {
      const width = dtypeSize(dtype);
      const bytes = Uint8Array.from({ length: span * width }, (_, i) => Math.floor(i / width));
      const packed = packStrided(dtype, shape, strides, bytes);
      const expected = wanted.flatMap((index) => new Array<number>(width).fill(index));
      assert.deepEqual([...tensorBytes(packed)], expected, `${dtype} [${shape}] [${strides}]`);
    }
  }
});

Deno.test("packStrided() keeps bytes that are packed, and takes unaligned ones", () => {
  const bytes = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
  assert.equal(packStrided("F32", [2, 1, 2], [2, 7, 1], bytes).data.buffer, bytes.buffer);
  const shifted = new Uint8Array(17);
  shifted.set(bytes, 1);
  const transposed = packStrided("F32", [2, 2], [1, 2], shifted.subarray(1));
  assert.deepEqual([...transposed.data], [1, 3, 2, 4]);
});

Deno.test("packStrided() refuses a span that is not the bytes'", () => {
  assert.throws(() => packStrided("U8", [2, 2], [1, 2], new Uint8Array(5)), RangeError);
  assert.throws(() => packStrided("F4", [2, 2], [1, 2], new Uint8Array(2)), RangeError);
});

Deno.test("strides of C order", () => {
  assert.deepEqual(packedStrides([2, 3, 4]), [12, 4, 1]);
  assert.ok(isPacked([], []) && isPacked([1, 3], [100, 1]) && !isPacked([2, 3], [1, 2]));
  assert.equal(stridedSpan([2, 0], [5, 1]), 0);
});

Deno.test("swapByteOrder() swaps numbers, and halves of complex numbers", () => {
  const x = tensorFromBytes("I16", [2], new Uint8Array([1, 2, 3, 4]));
  swapByteOrder("I16", tensorBytes(x));
  assert.deepEqual([...tensorBytes(x)], [2, 1, 4, 3]);
  const c = tensor("C64", [1], new Float32Array([1, 2]));
  swapByteOrder("C64", tensorBytes(c));
  swapByteOrder("F32", tensorBytes(c));
  assert.deepEqual([...c.data], [1, 2]);
  const u = new Uint8Array([1, 2]);
  swapByteOrder("U8", u);
  assert.deepEqual([...u], [1, 2]);
});

Deno.test("packStrided() copies a Buffer that lies unaligned", () => {
  const bytes = Buffer.from([0, 1, 0, 2, 0, 3, 0, 4, 0]).subarray(1);
  assert.deepEqual(
    packStrided("U16", [2, 2], [1, 2], bytes).data,
    new Uint16Array([1, 3, 2, 4]),
  );
});
