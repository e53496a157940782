import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { tensor } from "../tensor.ts";
import { convertTensor, fromBfloat16, toBfloat16 } from "./tensor_convert.ts";

/** Nearest of all finite values to x, the even one of two: by search, as the definition says. */
function nearest(x: number, bits: number[], decode: (bits: number) => number): number {
  let best = bits[0]!;
  for (const candidate of bits) {
    const difference = Math.abs(decode(candidate) - x) - Math.abs(decode(best) - x);
    if (difference < 0 || (difference === 0 && candidate % 2 === 0)) best = candidate;
  }
  return best;
}

function decodeHalf(bits: number): number {
  return new Float16Array(new Uint16Array([bits]).buffer)[0]!;
}

function decodeBrain(bits: number): number {
  return fromBfloat16(new Uint16Array([bits]))[0]!;
}

function halfBits(...values: number[]): number[] {
  const t = convertTensor(tensor("F64", [values.length], new Float64Array(values)), "F16");
  return [...new Uint16Array(t.data.buffer)];
}

function brainBits(...values: number[]): number[] {
  return [...toBfloat16(new Float64Array(values))];
}

Deno.test("bfloat16: ties go to the even neighbour", () => {
  const cases = [[1 + 2 ** -8, 0x3f80], [1 + 3 * 2 ** -8, 0x3f82], [
    -(1 + 2 ** -8),
    0xbf80,
  ]] as const;
  for (const [value, bits] of cases) assert.deepEqual(brainBits(value), [bits]);
});

Deno.test("float16: ties go to the even neighbour", () => {
  const cases = [[1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], [2 ** -25, 0]] as const;
  for (const [value, bits] of cases) assert.deepEqual(halfBits(value), [bits]);
});

Deno.test("doubles beside a tie are rounded once, not by way of float32", () => {
  const little = 2 ** -40;
  assert.deepEqual(brainBits(1 + 2 ** -8 + little, 1 + 2 ** -8 - little), [0x3f81, 0x3f80]);
  assert.deepEqual(brainBits(-1 - 2 ** -8 - little), [0xbf81]);
  assert.deepEqual(brainBits(1 + 3 * 2 ** -8 - little), [0x3f81]);
  assert.deepEqual(halfBits(1 + 2 ** -11 + little, 1 + 2 ** -11 - little), [0x3c01, 0x3c00]);
});

Deno.test("infinities stay and what is too large becomes infinite", () => {
  assert.deepEqual(brainBits(Infinity, -Infinity, 3.4e38, 1e300), [0x7f80, 0xff80, 0x7f80, 0x7f80]);
  assert.deepEqual(brainBits(3.3895e38), [0x7f7f]);
  assert.deepEqual(halfBits(Infinity, -Infinity, 65519.99, 65520), [
    0x7c00,
    0xfc00,
    0x7bff,
    0x7c00,
  ]);
});

Deno.test("NaN stays NaN, whatever its payload", () => {
  const words = new Uint32Array([0x7fc00000, 0x7f800001, 0xffffffff, 0xff800001]);
  const narrow = toBfloat16(new Float32Array(words.buffer));
  for (const bits of narrow) assert.ok(Number.isNaN(decodeBrain(bits)), bits.toString(16));
  assert.ok(Number.isNaN(decodeHalf(halfBits(NaN)[0]!)));
});

Deno.test("signed zeros and subnormals keep their bits", () => {
  assert.deepEqual(brainBits(0, -0, 2 ** -133, -(2 ** -133)), [0, 0x8000, 1, 0x8001]);
  assert.deepEqual(brainBits(2 ** -134, 3 * 2 ** -135, 1e-300), [0, 1, 0]);
  assert.deepEqual(halfBits(-0, 2 ** -24, 2 ** -24 * 1.5), [0x8000, 1, 2]);
});

Deno.test("every 16-bit pattern survives widening and narrowing", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const brain = convertTensor(
    convertTensor(tensor("BF16", [65536], all), "F32"),
    "BF16",
  );
  const half = tensor("F16", [65536], new Float16Array(all.buffer.slice(0)));
  const back = new Uint16Array(convertTensor(convertTensor(half, "F64"), "F16").data.buffer);
  for (let i = 0; i < 65536; i++) {
    if (!Number.isNaN(decodeBrain(i))) assert.equal(brain.data[i], i);
    if (!Number.isNaN(decodeHalf(i))) assert.equal(back[i], i);
  }
});

Deno.test("random numbers round to the nearest of all", () => {
  const next = random(7);
  for (let i = 0; i < 2000; i++) {
    const x = (next() - 0.5) * 2 ** (next() * 20 - 10);
    const guess = brainBits(x)[0]!;
    const around = [guess - 2, guess - 1, guess, guess + 1, guess + 2].filter((bits) => bits >= 0);
    assert.equal(guess, nearest(x, around, decodeBrain));
    const half = halfBits(x)[0]!;
    const near = [half - 2, half - 1, half, half + 1, half + 2].filter((bits) => bits >= 0);
    assert.equal(half, nearest(x, near, decodeHalf));
  }
});

Deno.test("convertTensor() keeps shape, and the tensor itself where nothing changes", () => {
  const x = tensor("F32", [2, 1], new Float32Array([1, 2]));
  assert.equal(convertTensor(x, "F32"), x);
  assert.deepEqual(convertTensor(x, "F64"), tensor("F64", [2, 1], new Float64Array([1, 2])));
});
