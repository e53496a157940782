import assert from "node:assert/strict";
import { AreaResize } from "./area.ts";

/** A grey picture of one row. */
const row = (...values: number[]) => Uint8Array.from(values.flatMap((v) => [v, v, v]));

function resized(values: number[], width: number, left = 0, shown = width): number[] {
  const from = { width: values.length, height: 1 };
  const out = new Uint8Array(3 * shown);
  const window = { left, top: 0, width: shown, height: 1 };
  new AreaResize(from, { width, height: 1 }, window).resize(row(...values), out);
  return Array.from({ length: shown }, (_, i) => out[3 * i]!);
}

Deno.test("resize by area: an output is the mean of what it covers, parts of pixels too", () => {
  assert.deepEqual(resized([10, 20, 30, 50], 2), [15, 40]);
  // 1.5 inputs each: (10 + 40 / 2) / 1.5 and (40 / 2 + 100) / 1.5.
  assert.deepEqual(resized([10, 40, 100], 2), [20, 80]);
  assert.deepEqual(resized([10, 20, 30, 50, 70, 90], 3, 1, 2), [40, 80]);
});

Deno.test("resize by area: no light is lost, whatever the sizes", () => {
  for (const [from, to] of [[1920, 128], [1080, 128], [321, 100], [129, 128], [7, 5]] as const) {
    assert.deepEqual(resized(Array(from).fill(200), to), Array(to).fill(200), `${from} to ${to}`);
    const values = Array.from({ length: from }, (_, i) => (i * 89) % 256);
    const mean = (all: number[]) => all.reduce((sum, v) => sum + v) / all.length;
    assert(Math.abs(mean(resized(values, to)) - mean(values)) < 0.5, `${from} to ${to}`);
  }
});

Deno.test("resize by area: where an image grows, it is bilinear", () => {
  assert.deepEqual(resized([0, 100], 4), [0, 25, 75, 100]);
});

Deno.test("resize by area: rows go where they are told", () => {
  const data = new Uint8Array(4 * 4 * 3).fill(9);
  const out = new Uint8Array(60);
  const whole = { left: 0, top: 0, width: 2, height: 2 };
  new AreaResize({ width: 4, height: 4 }, { width: 2, height: 2 }, whole).resize(data, out, 3, 12);
  const lit = [3, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19, 20];
  assert.deepEqual([...out.keys()].filter((i) => out[i] === 9), lit);
});
