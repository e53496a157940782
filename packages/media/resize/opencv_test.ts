import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { OpencvBilinear } from "./opencv.ts";

/** Noise that the Python script which made the checksums draws too. */
function noise(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    let bits = Math.imul(i, 2654435761);
    bits = Math.imul(bits ^ (bits >>> 15), 2246822519);
    return (bits ^ (bits >>> 13)) & 255;
  });
}

/** CRC32 of OpenCV 5.0.0's cv2.resize(…, INTER_LINEAR) of noise to 72x40. */
const OPENCV = [
  [320, 240, 0x7b04489b],
  [1920, 1080, 0xb941f5fc],
  [176, 144, 0x23a8e9d4],
  [640, 360, 0xc8ec9038],
  [100, 60, 0xf6c87c0c],
  [64, 64, 0xb18fe50a],
  [321, 181, 0x2082d297],
  [128, 128, 0x7b34bb7c],
  [128, 300, 0x5365616b],
  [256, 256, 0x47096950],
  [1080, 1920, 0x3377d3ed],
  [1, 1, 0x45ab5830],
  [7, 129, 0x2c66f4d3],
  [129, 7, 0xfab08eac],
  [2400, 1080, 0xebefdea5],
] as const;

Deno.test("OpencvBilinear equals OpenCV's resize, bit for bit", () => {
  const to = { width: 72, height: 40 };
  for (const [width, height, crc] of OPENCV) {
    const out = new Uint8Array(72 * 40 * 3);
    const whole = { left: 0, top: 0, ...to };
    new OpencvBilinear({ width, height }, to, whole).resize(noise(width, height), out);
    assert.equal(crc32(out), crc, `${width}x${height}`);
  }
});

Deno.test("OpencvBilinear: a window is its part of the whole, at its place in the output", () => {
  const from = { width: 31, height: 22 };
  const to = { width: 50, height: 13 };
  const data = noise(31, 22);
  const whole = new Uint8Array(50 * 13 * 3);
  new OpencvBilinear(from, to, { left: 0, top: 0, ...to }).resize(data, whole);
  const out = new Uint8Array(100 * 10);
  const window = { left: 20, top: 4, width: 17, height: 8 };
  new OpencvBilinear(from, to, window).resize(data, out, 107, 100);
  const expected = new Uint8Array(100 * 10);
  for (let y = 0; y < 8; y++) {
    const at = ((4 + y) * 50 + 20) * 3;
    expected.set(whole.subarray(at, at + 51), 107 + y * 100);
  }
  assert.deepEqual(out, expected);
});
