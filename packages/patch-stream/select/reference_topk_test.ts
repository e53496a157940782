import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { referenceTopK } from "./reference_topk.ts";
import vectors from "../testdata/topk.json" with { type: "json" };

Deno.test("referenceTopK() takes the equal scores that PyTorch takes", () => {
  for (const { scores, taken } of vectors.cases) {
    const found = referenceTopK(Float32Array.from(scores, Number), taken.length);
    assert.deepEqual([...found.sort()], taken);
  }
});

Deno.test("referenceTopK() takes the greatest scores, whatever their order", () => {
  const next = random(8);
  for (let round = 0; round < 200; round++) {
    const n = 1 + Math.floor(next() * 300);
    const levels = 1 + Math.floor(next() * 300);
    const scores = Float32Array.from({ length: n }, () => Math.floor(next() * levels));
    if (round % 3 === 0) scores.sort();
    if (round % 3 === 1) scores.sort().reverse();
    const k = Math.floor(next() * (n + 1));
    const found = referenceTopK(scores, k);
    assert.equal(new Set(found).size, k);
    const greatest = scores.toSorted().reverse().subarray(0, k);
    assert.deepEqual(Float32Array.from(found, (i) => scores[i]!).sort().reverse(), greatest);
  }
});
