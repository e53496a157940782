import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { Antialiased } from "@vcs/media/internal";
import { bilinearTaps, TorchBilinear } from "./torch_bilinear.ts";

const next = random(7);
const frame = (width: number, height: number) =>
  Uint8Array.from({ length: 3 * width * height }, () => next() * 256);

/** A fused multiply-add of float32. */
const fma = (a: number, b: number, c: number) => Math.fround(a * b + c);

/** The plain resize, written the long way: any depth, values by row, column and channel. */
function resizePlainly(
  at: (y: number, x: number, c: number) => number,
  [width, height]: readonly [number, number],
  [outW, outH]: readonly [number, number],
  depth: number,
): Float32Array {
  const [x, y] = [bilinearTaps(width, outW), bilinearTaps(height, outH)];
  return Float32Array.from({ length: outW * outH * depth }, (_, n) => {
    const [j, i, c] = [Math.floor(n / depth / outW), Math.floor(n / depth) % outW, n % depth];
    const line = (row: number) =>
      fma(
        x.lowWeight[i]!,
        at(row, x.low[i]!, c),
        Math.fround(x.highWeight[i]! * at(row, x.high[i]!, c)),
      );
    const below = Math.fround(y.highWeight[j]! * line(y.high[j]!));
    return fma(y.lowWeight[j]!, line(y.low[j]!), below);
  });
}

Deno.test("TorchBilinear is the plain resize, bit for bit, at any size", () => {
  const sizes = [[[1, 1], [4, 3]], [[17, 9], [5, 4]], [[64, 48], [16, 12]], [[7, 5], [
    22,
    13,
  ]]] as const;
  for (const [from, to] of sizes) {
    const [width, height] = from;
    const rgb = frame(width, height);
    const at = (y: number, x: number, c: number) => rgb[3 * (y * width + x) + c]!;
    const weigh = (y: number, x: number) => {
      const [red, green, blue] = [0.299, 0.587, 0.114].map((weight, c) =>
        Math.fround(Math.fround(weight) * at(y, x, c))
      ) as [number, number, number];
      return Math.fround(Math.fround(red + green) + blue);
    };
    const size = { from: { width, height }, to: { width: to[0], height: to[1] } };
    const pixels = new Float32Array(3 * to[0] * to[1]);
    new TorchBilinear("rgb", size.from, size.to).resize(rgb, pixels);
    assert.deepEqual(pixels, resizePlainly(at, from, to, 3));
    const luma = new Float32Array(to[0] * to[1]);
    new TorchBilinear("luma", size.from, size.to).resize(rgb, luma);
    assert.deepEqual(luma, resizePlainly(weigh, from, to, 1));
  }
});

Deno.test("TorchBilinear to the same size changes nothing", () => {
  const rgb = frame(13, 9);
  const size = { width: 13, height: 9 };
  const out = new Float32Array(rgb.length);
  new TorchBilinear("rgb", size, size).resize(rgb, out);
  assert.deepEqual(out, Float32Array.from(rgb));
});

Deno.test("the antialiased resize averages stripes that the plain one samples", () => {
  const width = 256;
  const rgb = Uint8Array.from({ length: 3 * width * 64 }, (_, n) => Math.floor(n / 3) % 2 * 255);
  const plain = new Float32Array(3 * 30 * 8);
  const smooth = plain.slice();
  const size = { width: 30, height: 8 };
  new TorchBilinear("rgb", { width, height: 64 }, size).resize(rgb, plain);
  new Antialiased({ width, height: 64 }, size).resize(rgb, smooth);
  const spread = (values: Float32Array) => Math.max(...values) - Math.min(...values);
  assert.ok(spread(plain) > 100);
  assert.ok(spread(smooth) < spread(plain) / 10);
});
