import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type DType,
  DTYPES,
  dtypeSize,
  elementCount,
  isDType,
  tensor,
  tensorByteLength,
  tensorBytes,
  tensorFromBytes,
  tensorReshape,
  tensorRows,
} from "./tensor.ts";

Deno.test("DTYPES are those of safetensors 0.8", () => {
  assert.equal(
    DTYPES.join(" "),
    "BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ " +
      "I16 U16 F16 BF16 I32 U32 F32 C64 F64 I64 U64",
  );
  assert.ok(!isDType("f32") && !isDType("__proto__") && !isDType("toString"));
});

Deno.test("tensor() makes zeros of the right size for every dtype", () => {
  for (const dtype of DTYPES) {
    const t = tensor(dtype, [2, 4]);
    assert.equal(t.data.byteLength, 8 * dtypeSize(dtype), dtype);
    assert.equal(tensorByteLength(dtype, [2, 4]), t.data.byteLength);
    assert.ok(tensorBytes(t).every((byte) => byte === 0));
  }
});

Deno.test("packed dtypes must fill their last byte", () => {
  assert.equal(tensor("F4", [3, 2]).data.length, 3);
  assert.equal(tensor("F6_E2M3", [4]).data.length, 3);
  assert.throws(() => tensor("F4", [3]), RangeError);
  assert.throws(() => tensor("F6_E3M2", [2]), RangeError);
  assert.throws(() => tensorRows(tensor("F4", [2, 3]), 0, 1), RangeError);
});

Deno.test("tensor() refuses data of another class or length", () => {
  assert.throws(() => tensor("F32", [2], new Float32Array(3)), RangeError);
  const wrong = new Int32Array(2) as unknown as Float32Array;
  assert.throws(() => tensor("F32", [2], wrong), TypeError);
  assert.equal(tensor("C64", [2], new Float32Array(4)).data.length, 4);
});

Deno.test("elementCount() refuses shapes that are none", () => {
  assert.equal(elementCount([]), 1);
  assert.equal(elementCount([3, 0, 5]), 0);
  for (const shape of [[-1], [1.5], [NaN], [2 ** 53], [2 ** 40, 2 ** 40]]) {
    assert.throws(() => elementCount(shape), RangeError);
  }
  assert.throws(() => tensorByteLength("F64", [2 ** 52]), RangeError);
});

Deno.test("tensorFromBytes() views aligned bytes and copies others", () => {
  const bytes = new Uint8Array(16);
  const aligned = tensorFromBytes("F32", [2], bytes.subarray(4, 12));
  assert.equal(aligned.data.buffer, bytes.buffer);
  assert.equal(aligned.data.byteOffset, 4);
  assert.notEqual(tensorFromBytes("F32", [2], bytes.subarray(3, 11)).data.buffer, bytes.buffer);
  assert.throws(() => tensorFromBytes("F32", [2], bytes), RangeError);
});

Deno.test("tensorFromBytes() gives back what tensorBytes() took, for every dtype", () => {
  for (const dtype of DTYPES) {
    const bytes = Uint8Array.from({ length: tensorByteLength(dtype, [4]) }, (_, i) => i);
    assert.deepEqual(tensorBytes(tensorFromBytes(dtype, [4], bytes)), bytes, dtype);
  }
});

Deno.test("tensorRows() and tensorReshape() are views", () => {
  const x = tensor("I16", [3, 2], new Int16Array([1, 2, 3, 4, 5, 6]));
  const rows = tensorRows(x, 1, 3);
  assert.deepEqual([...rows.data], [3, 4, 5, 6]);
  assert.deepEqual(rows.shape, [2, 2]);
  rows.data[0] = 9;
  assert.equal(x.data[2], 9);
  const flat = tensorReshape(x, [6]);
  assert.equal(flat.data, x.data);
  assert.deepEqual(tensorRows(tensor("C64", [2]), 1, 2).data.length, 2);
  assert.deepEqual(tensorRows(x, 1, 1).shape, [0, 2]);
});

Deno.test("tensorRows() and tensorReshape() refuse what does not fit", () => {
  const x = tensor("U8", [3, 2]);
  for (const [start, end] of [[-1, 1], [2, 1], [0, 4], [0.5, 1]] as const) {
    assert.throws(() => tensorRows(x, start, end), RangeError);
  }
  assert.throws(() => tensorRows(tensor("U8", []), 0, 0), RangeError);
  assert.throws(() => tensorReshape(x, [5]), RangeError);
});

Deno.test("dtypeSize() knows each dtype", () => {
  const sizes: [DType, number][] = [["BOOL", 1], ["F4", 0.5], ["F6_E2M3", 0.75], ["C64", 8], [
    "BF16",
    2,
  ]];
  for (const [dtype, size] of sizes) assert.equal(dtypeSize(dtype), size);
});

Deno.test("tensorFromBytes() copies a Buffer that lies unaligned", () => {
  const bytes = Buffer.alloc(9);
  bytes.writeFloatLE(1.5, 1);
  assert.deepEqual(tensorFromBytes("F32", [2], bytes.subarray(1)).data, new Float32Array([1.5, 0]));
});
