import assert from "node:assert/strict";
import { KeySet } from "./key_set.ts";

Deno.test("a set of keys has those that were added, and grows", () => {
  const set = new KeySet();
  for (let i = 0; i < 5000; i++) assert.equal(set.add(`key ${i}`), true);
  for (let i = 0; i < 5000; i++) assert.equal(set.add(`key ${i}`), false);
  assert.equal(set.size, 5000);
  for (let i = 0; i < 10_000; i++) assert.equal(set.has(`key ${i}`), i < 5000);
  assert.equal(set.has(""), false);
});
