import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { PixelMatcher } from "./match_kernel.ts";

/** The same search, written the long way. */
function matchPlainly(
  current: Float32Array,
  previous: Float32Array,
  rows: number,
  columns: number,
) {
  const radius = Math.max(1, Math.min(4, Math.floor(Math.min(rows, columns) / 2)));
  const residual = new Float32Array(rows * columns);
  const motion = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      let best = Infinity;
      for (let dy = -radius; dy <= radius; dy++) {
        for (let dx = -radius; dx <= radius; dx++) {
          const [fromY, fromX] = [y - dy, x - dx];
          if (fromY < 0 || fromX < 0 || fromY >= rows || fromX >= columns) continue;
          const error = Math.fround(
            Math.abs(current[y * columns + x]! - previous[fromY * columns + fromX]!),
          );
          if (error >= best) continue;
          best = error;
          motion[y * columns + x] = Math.hypot(dy, dx);
        }
      }
      residual[y * columns + x] = best;
    }
  }
  return { residual, motion };
}

Deno.test("PixelMatcher finds what the plain search finds, at any size", () => {
  const next = random(3);
  for (const [rows, columns] of [[1, 1], [2, 9], [5, 5], [7, 30], [32, 33], [40, 64]] as const) {
    // Few levels, so that many displacements are equally good and the order of the search counts.
    const plane = () =>
      Float32Array.from({ length: rows * columns }, () => Math.floor(next() * 12));
    const matcher = new PixelMatcher(rows, columns);
    for (let round = 0; round < 2; round++) {
      const [current, previous] = [plane(), plane()];
      assert.deepEqual(
        matcher.match(current, previous),
        matchPlainly(current, previous, rows, columns),
      );
    }
  }
});
