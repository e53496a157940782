import assert from "node:assert/strict";
import { similarityStats } from "./similarity_stats.ts";

Deno.test("similarityStats() is null of nothing, and takes the population's deviation", () => {
  assert.deepEqual(similarityStats([]), { count: 0, mean: null, std: null, min: null, max: null });
  const stats = similarityStats([0.5, 1]);
  assert.deepEqual(stats, { count: 2, mean: 0.75, std: 0.25, min: 0.5, max: 1 });
});
