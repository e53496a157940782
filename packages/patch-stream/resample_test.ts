import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import {
  bilinearTaps,
  resizeLuma,
  resizeRgb,
  resizeRgbAntialiased,
  triangleTaps,
} from "./resample.ts";

const next = random(7);
const frame = (width: number, height: number) =>
  Uint8Array.from({ length: 3 * width * height }, () => next() * 256);

Deno.test("resizing to the same size changes nothing", () => {
  const rgb = frame(13, 9);
  const out = new Float32Array(rgb.length);
  resizeRgb(rgb, 13, bilinearTaps(13, 13), bilinearTaps(9, 9), out);
  assert.deepEqual(out, Float32Array.from(rgb));
  resizeRgbAntialiased(rgb, 13, triangleTaps(13, 13), triangleTaps(9, 9), out);
  assert.deepEqual(out, Float32Array.from(rgb));
});

Deno.test("resizeLuma() at a quarter takes the middle four of sixteen pixels", () => {
  const rgb = frame(16, 8);
  const out = new Float32Array(8);
  resizeLuma(rgb, 16, bilinearTaps(16, 4), bilinearTaps(8, 2), out);
  const luma = (y: number, x: number) => {
    const at = 3 * (y * 16 + x);
    return 0.299 * rgb[at]! + 0.587 * rgb[at + 1]! + 0.114 * rgb[at + 2]!;
  };
  const expected = (luma(5, 9) + luma(5, 10) + luma(6, 9) + luma(6, 10)) / 4;
  assert.ok(Math.abs(out[6]! - expected) < 1e-4);
});

Deno.test("antialiased taps cover every input and sum to 1", () => {
  for (const [input, output] of [[1920, 308], [30, 200], [7, 7], [5, 1]] as const) {
    const { start, weights, size } = triangleTaps(input, output);
    const used = new Set<number>();
    for (let i = 0; i < output; i++) {
      const run = weights.subarray(i * size, (i + 1) * size);
      assert.ok(Math.abs(run.reduce((a, b) => a + b) - 1) < 1e-5);
      run.forEach((weight, n) => weight > 0 && used.add(start[i]! + n));
    }
    assert.equal(used.size, input);
    assert.ok(Math.max(...used) < input);
  }
});

Deno.test("the antialiased resize averages stripes that the plain one samples", () => {
  const width = 256;
  const rgb = Uint8Array.from({ length: 3 * width * 64 }, (_, n) => Math.floor(n / 3) % 2 * 255);
  const plain = new Float32Array(3 * 30 * 8);
  const smooth = plain.slice();
  resizeRgb(rgb, width, bilinearTaps(width, 30), bilinearTaps(64, 8), plain);
  resizeRgbAntialiased(rgb, width, triangleTaps(width, 30), triangleTaps(64, 8), smooth);
  const spread = (values: Float32Array) => Math.max(...values) - Math.min(...values);
  assert.ok(spread(plain) > 100);
  assert.ok(spread(smooth) < spread(plain) / 10);
});
