import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { BlockMatcher, MAX_BLOCK_SUM } from "./block_kernel.ts";

const RADIUS = 4;

/** The same search, written the long way: [still, moved] of one pixel. */
function matchPixel(
  at: (plane: Uint8Array, y: number, x: number) => number,
  current: Uint8Array,
  previous: Uint8Array,
  y: number,
  x: number,
): [still: number, moved: number] {
  const tried: { cost: number; sum: number; length: number }[] = [];
  for (let dy = -RADIUS; dy <= RADIUS; dy++) {
    for (let dx = -RADIUS; dx <= RADIUS; dx++) {
      let sum = 0;
      for (let v = -2; v <= 2; v++) {
        for (let u = -2; u <= 2; u++) {
          sum += Math.abs(at(current, y + v, x + u) - at(previous, y + v - dy, x + u - dx));
        }
      }
      const length = Math.hypot(dy, dx);
      tried.push({ cost: 8 * sum + Math.round(8 * 25 * 0.35 * length), sum, length });
    }
  }
  const shortestFirst = tried.toSorted((a, b) => a.length - b.length);
  const best = shortestFirst.reduce((a, b) => b.cost < a.cost ? b : a);
  return [shortestFirst[0]!.sum, best.sum];
}

Deno.test("BlockMatcher finds what the plain search finds, at any size", () => {
  const next = random(4);
  for (const [rows, columns] of [[1, 1], [3, 17], [9, 8], [13, 40]] as const) {
    const clamp = (n: number, end: number) => Math.min(Math.max(n, 0), end - 1);
    const at = (plane: Uint8Array, y: number, x: number) =>
      plane[clamp(y, rows) * columns + clamp(x, columns)]!;
    const plane = () => Uint8Array.from({ length: rows * columns }, () => next() * 256);
    const matcher = new BlockMatcher(rows, columns);
    for (let round = 0; round < 2; round++) {
      const [current, previous] = [plane(), plane()];
      const { still, moved, stride } = matcher.match(current, previous);
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          const found = [still[y * stride + x], moved[y * stride + x]];
          assert.deepEqual(found, matchPixel(at, current, previous, y, x), `at ${y}, ${x}`);
        }
      }
    }
  }
});

Deno.test("BlockMatcher has room for the greatest difference", () => {
  const matcher = new BlockMatcher(20, 20);
  const { still, moved } = matcher.match(new Uint8Array(400).fill(255), new Uint8Array(400));
  assert.equal(still[0], MAX_BLOCK_SUM);
  assert.equal(moved[45], MAX_BLOCK_SUM);
});

Deno.test("BlockMatcher follows a block that moves", () => {
  const next = random(5);
  const texture = Uint8Array.from({ length: 64 * 64 }, () => next() * 256);
  const shifted = texture.map((_, n) => {
    const [y, x] = [Math.floor(n / 64), n % 64];
    return texture[((y + 62) % 64) * 64 + (x + 61) % 64]!; // 2 down, 3 to the right
  });
  const { still, moved, stride } = new BlockMatcher(64, 64).match(shifted, texture);
  const middle = 32 * stride + 32;
  assert.equal(moved[middle], 0);
  assert.ok(still[middle]! > 1000);
});
