import assert from "node:assert/strict";
import { HeldFiles } from "./held_files.ts";

Deno.test("a file that fifty listeners open is held once, and each of them keeps it", async () => {
  const files = new HeldFiles({ bytes: 100, files: 3 });
  const ids = await Promise.all(
    Array.from({ length: 50 }, () => files.add(new Uint8Array(60).fill(7))),
  );
  assert.equal(new Set(ids).size, 1);
  assert.equal(files.get(ids[0]!)?.length, 60);
});

Deno.test("what was used longest ago goes first, by bytes and by number", async () => {
  const files = new HeldFiles({ bytes: 100, files: 3 });
  const first = await files.add(new Uint8Array(60).fill(1));
  const url = await files.add("https://example.com/a");
  const second = await files.add(new Uint8Array(60).fill(2));
  assert.equal(files.get(first), undefined);
  assert.deepEqual([typeof files.get(url), typeof files.get(second)], ["string", "object"]);
  await files.add("b");
  files.get(url);
  await files.add("c");
  assert.deepEqual([typeof files.get(url), files.get(second)], ["string", undefined]);
});
