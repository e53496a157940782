/**
 * Pixels between bytes and the network's floats, in the original's order of float32 steps:
 * `(u / 255 − 0.5) / 0.5` in, `trunc(255 · clamp((y + 1) / 2) + 0.5)` out.
 *
 * @module
 */
import { type Tensor, tensor } from "@vcs/transport/tensor";

const UNIT = Float32Array.from({ length: 256 }, (_, u) => {
  return (Math.fround(Math.fround(u / 255) - 0.5)) / 0.5;
});

/**
 * Scales RGB frames to [−1, 1], planes first.
 *
 * @param frames RGB bytes, [count, height, width, 3]
 * @returns [1, 3, count, height, width]
 */
export function pixelsToFloat(
  frames: Uint8Array,
  count: number,
  height: number,
  width: number,
): Tensor<"F32"> {
  const plane = count * height * width;
  const out = tensor("F32", [1, 3, count, height, width]);
  const { data } = out;
  for (let i = 0; i < plane; i++) {
    data[i] = UNIT[frames[3 * i]!]!;
    data[plane + i] = UNIT[frames[3 * i + 1]!]!;
    data[2 * plane + i] = UNIT[frames[3 * i + 2]!]!;
  }
  return out;
}

/**
 * Converts a decoder's output to RGB bytes; values beyond ±1 are clamped, NaN is black.
 *
 * @param y [1, 3, count, height, width]
 * @returns RGB bytes, [count, height, width, 3]
 */
export function pixelsToBytes(y: Tensor<"F32"> | Tensor<"F16">): Uint8Array {
  const plane = y.data.length / 3;
  const { data } = y;
  const out = new Uint8Array(plane * 3);
  for (let channel = 0; channel < 3; channel++) {
    const from = channel * plane;
    for (let i = 0; i < plane; i++) out[3 * i + channel] = toByte(data[from + i]!);
  }
  return out;
}

/** NaN is not above −1 and so becomes black. */
function toByte(y: number): number {
  if (!(y > -1)) return 0;
  if (y >= 1) return 255;
  const unit = Math.fround(Math.fround(y + 1) / 2);
  return Math.fround(Math.fround(255 * unit) + 0.5);
}
