import assert from "node:assert/strict";
import { holdsPicture } from "./gif_picture.ts";

const PLACE = [0, 0, 0, 0, 4, 0, 4, 0];
const CONTROL = [0x21, 0xf9, 4, 5, 4, 0, 0, 0];
const DATA = [2, 3, 1, 2, 3, 1, 9, 0];
const COLOURS = [0, 0, 0, 9, 9, 9];

Deno.test("holdsPicture() finds a picture cut off at every byte, with and without tables", () => {
  const picture = [...CONTROL, 0x2c, ...PLACE, 0, ...DATA];
  const own = [...CONTROL, 0x2c, ...PLACE, 0x80, ...COLOURS, ...DATA];
  const header = [...new TextEncoder().encode("GIF89a"), 4, 0, 4, 0, 0x80, 0, 0, ...COLOURS];
  for (const bytes of [picture, own, [...header, ...picture], [...header, ...own]]) {
    const packet = Uint8Array.from(bytes);
    assert.ok(holdsPicture(packet));
    assert.ok(holdsPicture(Uint8Array.from([...bytes, 0x3b])));
    // As in FFmpeg the end of the file ends a picture between two blocks, too.
    const ends = [...packet.keys()].filter((end) => holdsPicture(packet.subarray(0, end)));
    assert.deepEqual(ends, [7, 3, 1].map((left) => packet.length - left));
  }
});

Deno.test("holdsPicture() leaves what is none of GIF's to the decoder", () => {
  assert.ok(holdsPicture(Uint8Array.of(1, 2, 3)));
});
