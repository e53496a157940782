import assert from "node:assert/strict";
import { Quality } from "./quality.ts";

Deno.test("quality: PSNR and SSIM equal NumPy's and scikit-image's", () => {
  const width = 48;
  const height = 32;
  const slope = (i: number) => (i / 3 % width | 0) * 3 + (i / 3 / width | 0) * 2;
  const noise = (i: number) => {
    let bits = Math.imul(i, 2654435761);
    bits = Math.imul(bits ^ (bits >>> 15), 2246822519);
    return (bits ^ (bits >>> 13)) & 255;
  };
  const source = Uint8Array.from({ length: width * height * 3 }, (_, i) => slope(i));
  const copy = Uint8ClampedArray.from(source, (_, i) => slope(i) + (noise(i) >> 3) - 16);
  const quality = new Quality();
  quality.add(source, new Uint8Array(copy.buffer), width, height);
  // scikit-image 0.26, structural_similarity(gaussian_weights=True, sigma=1.5,
  // use_sample_covariance=False, data_range=255), mean of the map without its 5-pixel border
  assert(Math.abs(quality.ssim - 0.7669752074717934) < 1e-9, `${quality.ssim}`);
  assert(Math.abs(quality.psnr - 28.844605052629504) < 1e-9, `${quality.psnr}`);
});

Deno.test("quality: the same frames are perfect, many frames are one figure", () => {
  const quality = new Quality();
  const frame = new Uint8Array(16 * 16 * 3).fill(100);
  quality.add(frame, frame, 16, 16);
  assert.equal(quality.psnr, Infinity);
  assert.equal(quality.ssim, 1);
  quality.add(frame, frame.map((v) => v + 2), 16, 16);
  assert(Math.abs(quality.psnr - 10 * Math.log10(255 ** 2 / 2)) < 1e-9);
  assert.equal(quality.frames, 2);
});

Deno.test("quality: frames of other sizes are refused", () => {
  const quality = new Quality();
  assert.throws(() => quality.add(new Uint8Array(3), new Uint8Array(3), 1, 1), RangeError);
  assert.throws(() => quality.add(new Uint8Array(768), new Uint8Array(765), 16, 16), RangeError);
});
