import { tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { pixelsToBytes, pixelsToFloat } from "./pixels.ts";

Deno.test("pixels: every byte value comes back, planes in order", () => {
  const rgb = Uint8Array.from({ length: 2 * 8 * 16 * 3 }, (_, i) => i % 256);
  const x = pixelsToFloat(rgb, 2, 8, 16);
  assert.deepEqual(x.shape, [1, 3, 2, 8, 16]);
  assert.equal(x.data[256 + 7], Math.fround((Math.fround(22 / 255) - 0.5) / 0.5));
  assert.deepEqual(pixelsToBytes(x), rgb);
});

Deno.test("pixels: values beyond one are clamped, halves round up, NaN is black", () => {
  const y = tensor("F32", [1, 3, 1, 1, 2], new Float32Array([-9, 9, NaN, 0, 1 / 255, -1]));
  assert.deepEqual([...pixelsToBytes(y)], [0, 0, 128, 255, 128, 0]);
});
