import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { fromHalf, toHalf } from "./half.ts";

/** What the runtime's own arrays make. */
const bitsOf = (values: readonly number[]) => new Uint16Array(Float16Array.from(values).buffer);

Deno.test("fromHalf() widens every half-precision number as the runtime does", () => {
  const all = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);
  // As lists: arrays of floats are compared byte by byte, and bits of NaN are free.
  assert.deepEqual([...fromHalf(all)], [...new Float16Array(all.buffer)]);
});

Deno.test("toHalf() rounds as the runtime does: bounds, ties, and what lies beside them", () => {
  const halves = Float64Array.from(
    new Float16Array(Uint16Array.from({ length: 0x7c00 }, (_, i) => i).buffer),
  );
  const ties = Array.from(halves.subarray(1), (x, i) => (x + halves[i]!) / 2);
  const beside = ties.flatMap((x) => [x, x * (1 + 2 ** -40), x * (1 - 2 ** -40)]);
  const ends = [0, -0, 65504, 65519.99, 65520, 1e9, Infinity, -Infinity, 5e-324, 2 ** -25, NaN];
  for (const values of [beside, beside.map((x) => -x), ends]) {
    assert.deepEqual(toHalf(values), bitsOf(values));
  }
});

Deno.test("toHalf() rounds doubles of every size as the runtime does", () => {
  const next = random(16);
  const values = Array.from({ length: 20_000 }, () => (next() - 0.5) * 2 ** (next() * 48 - 28));
  assert.deepEqual(toHalf(values), bitsOf(values));
});
