import assert from "node:assert/strict";
import { join } from "node:path";
import { plant, SLOWDOWNS } from "./planted.ts";
import { ROOT, suitesOf } from "./suite_process.ts";

Deno.test("every suite has a slowdown that can be planted", async () => {
  assert.deepEqual(Object.keys(SLOWDOWNS).sort(), await suitesOf([]));
  for (const slowdown of Object.values(SLOWDOWNS)) {
    const text = await Deno.readTextFile(join(ROOT, slowdown.file));
    assert.ok(plant(text, slowdown).length > text.length);
    const bench = slowdown.found.split(" / ")[1]!;
    assert.notEqual(bench, "");
  }
});
