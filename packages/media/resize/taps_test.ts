import assert from "node:assert/strict";
import { type Filter, filterTaps, roundHalfEven } from "./taps.ts";

const box: Filter = { radius: 0.5, weight: () => 1 };

Deno.test("filterTaps() gives runs inside the input, with a sum of 1", () => {
  for (const [input, output] of [[1920, 308], [30, 200], [7, 7], [5, 1], [1, 9]] as const) {
    const { start, size, weights } = filterTaps({ ...box, radius: 2 }, input, output);
    for (let i = 0; i < output; i++) {
      assert.ok(start[i]! >= 0 && start[i]! + size <= input, `${input} to ${output}: ${start[i]}`);
      const sum = weights.subarray(i * size, (i + 1) * size).reduce((a, b) => a + b);
      assert.ok(Math.abs(sum - 1) < 1e-12);
    }
  }
});

Deno.test("filterTaps() averages what an output covers, of the outputs that are wanted", () => {
  assert.deepEqual(filterTaps(box, 8, 4, 1, 2), {
    start: Int32Array.of(2, 4),
    size: 2,
    weights: Float64Array.of(0.5, 0.5, 0.5, 0.5),
  });
});

Deno.test("roundHalfEven() rounds halves to the even neighbour", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -1.5, 2.4, 2.6].map(roundHalfEven), [0, 2, 2, -2, 2, 3]);
});
