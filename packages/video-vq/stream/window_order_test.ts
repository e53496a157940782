import assert from "node:assert/strict";
import { rangesOf, rangesText, WindowOrder } from "./window_order.ts";

Deno.test("window order: gaps are listed, duplicates are recognised", () => {
  const order = new WindowOrder();
  assert.equal(order.look("a", 0), "new-stream");
  order.begin("a", 2);
  for (const sequence of [2, 3, 6, 9]) order.take(sequence);
  order.skipTo(12);
  assert.deepEqual([order.look("a", 3), order.look("a", 12), order.look("b", 0)], [
    "duplicate",
    "next",
    "new-stream",
  ]);
  assert.equal(rangesText(order.missing), "4-5, 7-8, 10-11");
  assert.equal(order.missingCount, 6);
});

Deno.test("window order: numbers become ranges of neighbours", () => {
  assert.equal(rangesText(rangesOf([9, 3, 7, 8])), "3, 7-9");
  assert.equal(rangesText(rangesOf([])), "");
});

Deno.test("window order: ten thousand ranges are listed, further ones are only counted", () => {
  const order = new WindowOrder();
  order.begin("a", 0);
  for (let gap = 1; gap <= 10_050; gap++) order.take(2 * gap);
  assert.equal(order.missing.length, 10_000);
  assert.equal(order.missingCount, 10_051);
});
