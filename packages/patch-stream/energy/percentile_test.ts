import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { percentile } from "./percentile.ts";

Deno.test("percentile() is the number that sorting finds", () => {
  const next = random(2);
  for (let n = 1; n < 400; n += 7) {
    const values = Float32Array.from({ length: n }, () => next() < 0.3 ? 0 : next() * 255);
    const sorted = values.toSorted();
    for (const share of [0, 0.25, 0.5, 0.9, 0.95, 1]) {
      assert.equal(percentile(values, share), sorted[Math.round(share * (n - 1))]);
    }
  }
});
