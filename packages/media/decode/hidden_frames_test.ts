import assert from "node:assert/strict";
import { isHidden } from "./hidden_frames.ts";

Deno.test("isHidden() reads the show_frame bit of VP8", () => {
  assert.equal(isHidden("vp8", Uint8Array.of(0x10, 0)), false);
  assert.equal(isHidden("vp8", Uint8Array.of(0x00, 0)), true);
});

Deno.test("isHidden() reads the show_frame bit of every VP9 profile", () => {
  // Frame marker 10, profile bits, (a reserved bit,) show_existing, frame type, show_frame.
  assert.equal(isHidden("vp9", Uint8Array.of(0b10_00_0_1_1_0, 0)), false);
  assert.equal(isHidden("vp9", Uint8Array.of(0b10_00_0_1_0_0, 0)), true);
  assert.equal(isHidden("vp9", Uint8Array.of(0b10_00_1_0_0_0, 0)), false);
  assert.equal(isHidden("vp9", Uint8Array.of(0b10_01_0_1_0_0, 0)), true);
  assert.equal(isHidden("vp9", Uint8Array.of(0b10_11_0_0_1_0, 0)), true);
  assert.equal(isHidden("vp9", Uint8Array.of(0b10_11_0_0_1_1, 0)), false);
});

Deno.test("isHidden() takes a superframe for shown", () => {
  assert.equal(isHidden("vp9", Uint8Array.of(0b10_00_0_1_0_0, 0xc1)), false);
});

Deno.test("isHidden() finds a GIF's picture that is cut off", () => {
  const place = [0, 0, 0, 0, 4, 0, 4, 0];
  assert.equal(isHidden("gif", Uint8Array.of(0x2c, ...place, 0, 2, 1, 9, 0)), false);
  assert.equal(isHidden("gif", Uint8Array.of(0x2c, ...place, 0, 2, 3, 9, 0)), true);
});

Deno.test("isHidden() takes every packet of other codecs for shown", () => {
  assert.equal(isHidden("h264", Uint8Array.of(0, 0)), false);
});
