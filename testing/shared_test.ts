import assert from "node:assert/strict";
import { needing, whereThere } from "./shared.ts";

Deno.test("whereThere() ignores a test by the name of what it lacks, and needing() where that is no CI", () => {
  assert.deepEqual(whereThere("a test", { "a program": true }), { name: "a test", ignore: false });
  const missing = { "a program": true, "a server": false, "its client": false };
  const name = "a test (needs a server, and its client)";
  assert.deepEqual(whereThere("a test", missing), { name, ignore: true });
  assert.deepEqual(needing("a test", missing), { name, ignore: !Deno.env.get("CI") });
  assert.equal(needing("a test", { "a program": true }).ignore, false);
});
