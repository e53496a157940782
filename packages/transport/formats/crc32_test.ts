import assert from "node:assert/strict";
import zlib from "node:zlib";
import { random } from "#testing/fuzz.ts";
import { crc32, portableCrc32, runtimeCrc32 } from "./crc32.ts";

Deno.test("crc32: the tables give zlib's sums, also in parts and of any alignment", () => {
  const next = random(7);
  for (let length = 0; length < 100; length++) {
    const bytes = Uint8Array.from({ length: length + 3 }, () => next() * 256).subarray(3);
    const cut = Math.floor(next() * length);
    const parts = portableCrc32(bytes.subarray(cut), portableCrc32(bytes.subarray(0, cut)));
    assert.deepEqual([portableCrc32(bytes), parts, crc32(bytes)], Array(3).fill(zlib.crc32(bytes)));
  }
  assert.equal(portableCrc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});

Deno.test("crc32: is the runtime's own here", () => {
  assert.equal(runtimeCrc32(), zlib.crc32);
});
