import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { Antialiased, triangleTaps } from "./antialias.ts";

Deno.test("Antialiased to the same size changes nothing, again and again", () => {
  const next = random(7);
  const size = { width: 13, height: 9 };
  const resizer = new Antialiased(size, size);
  const out = new Float32Array(3 * 13 * 9);
  for (let n = 0; n < 2; n++) {
    const rgb = Uint8Array.from(out, () => next() * 256);
    resizer.resize(rgb, out);
    assert.deepEqual(out, Float32Array.from(rgb));
  }
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
