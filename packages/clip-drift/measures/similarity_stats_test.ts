import assert from "node:assert/strict";
import { similarityStats } from "./similarity_stats.ts";

Deno.test("similarityStats() is 1, 0, 1, 1 of nothing, and takes the population's deviation", () => {
  assert.deepEqual(similarityStats([]), { count: 0, mean: 1, std: 0, min: 1, max: 1 });
  const stats = similarityStats([0.5, 1]);
  assert.deepEqual(stats, { count: 2, mean: 0.75, std: 0.25, min: 0.5, max: 1 });
});
