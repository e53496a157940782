import assert from "node:assert/strict";
import { itemsAtOnce } from "./at_once.ts";

const GB = 2 ** 30;

Deno.test("as many items are worked on at once as memory allows, and it is said what does not", () => {
  const none = { free: undefined, limit: undefined };
  assert.deepEqual(itemsAtOnce(64, none), { items: 64, note: undefined });
  assert.deepEqual(itemsAtOnce(4, { free: 3 * GB, limit: 2 ** 62 }), { items: 4, note: undefined });
  assert.deepEqual(itemsAtOnce(64, { free: 3 * GB, limit: 2 ** 62 }), {
    items: 6,
    note: "6 items at once, not 64, for the memory that is free: 3221 MB, 537 MB an item",
  });
  assert.deepEqual(itemsAtOnce(8, { free: 9 * GB, limit: GB }), {
    items: 2,
    note: "2 items at once, not 8, for the limit of its control group: 1074 MB, 537 MB an item",
  });
  const { items, note } = itemsAtOnce(64, { free: 1e6, limit: undefined });
  assert.equal(items, 1);
  assert.match(note!, /^1 item at once, not 64,/);
});
