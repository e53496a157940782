import assert from "node:assert/strict";
import { hasTornSlice } from "./ffv1_slices.ts";

/** A packet of the program ffmpeg: 8 by 8 black pixels in four slices of 13 bytes. */
const PACKET = Uint8Array.from(
  "fc1580ff8000000500d8632f9a3dde80ff800000050076d17d719c1c93ff8000000500315b395f10bf3dff8000000500431d03f2"
    .match(/../g)!,
  (pair) => parseInt(pair, 16),
);

/** The same without checksums. */
const BARE = PACKET.filter((_, at) => at % 13 < 8);

Deno.test("hasTornSlice() compares each slice's checksum, and the sum of their sizes", () => {
  assert.equal(hasTornSlice(PACKET), false);
  for (let at = 0; at < PACKET.length; at++) {
    assert.equal(hasTornSlice(PACKET.with(at, PACKET[at]! ^ 1)), true, `byte ${at}`);
  }
});

Deno.test("hasTornSlice() says nothing of slices without checksums", () => {
  assert.equal(hasTornSlice(new Uint8Array()), false);
  assert.equal(hasTornSlice(BARE), false);
  assert.equal(hasTornSlice(BARE.with(0, 1)), false);
});
