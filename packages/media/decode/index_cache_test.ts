import assert from "node:assert/strict";
import { LruCache } from "./index_cache.ts";

Deno.test("LruCache() forgets what was used longest ago", () => {
  const cache = new LruCache<number>();
  cache.set("a", 1, 2);
  cache.set("b", 2, 2);
  assert.equal(cache.get("a"), 1);
  cache.set("c", 3, 2);
  assert.deepEqual(["a", "b", "c"].map((key) => cache.get(key)), [1, undefined, 3]);
  assert.equal(cache.size, 2);
});

Deno.test("LruCache() keeps nothing with a capacity of zero", () => {
  const cache = new LruCache<number>();
  cache.set("a", 1, 0);
  assert.equal(cache.size, 0);
});
