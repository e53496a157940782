import assert from "node:assert/strict";
import { holdsIdr } from "./h264_start.ts";

Deno.test("holdsIdr() finds an IDR picture behind start codes and behind lengths", () => {
  const packet = (...bytes: number[]) => Uint8Array.from(bytes);
  assert.ok(holdsIdr(packet(0, 0, 0, 1, 9, 16, 0, 0, 1, 0x65, 7)));
  assert.ok(!holdsIdr(packet(0, 0, 0, 1, 9, 16, 0, 0, 1, 0x41, 5, 1, 5)));
  assert.ok(holdsIdr(packet(0, 0, 0, 2, 6, 1, 0, 0, 0, 3, 0x65, 1, 2)));
  assert.ok(!holdsIdr(packet(0, 0, 0, 2, 6, 1, 0, 0, 0, 3, 0x41, 0x65, 5)));
  // A length of 261 looks like a start code before an IDR picture.
  const long = new Uint8Array(265);
  long.set([0, 0, 1, 5, 0x41]);
  assert.ok(!holdsIdr(long));
  assert.ok(!holdsIdr(packet()));
});
