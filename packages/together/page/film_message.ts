/**
 * Pictures and sound as the page takes them, little-endian:
 *
 * | offset | size | meaning |
 * |---|---|---|
 * | 0 | 1 | 0: a picture, 1: sound |
 * | 8 | 8 | float64: its second |
 * | 16 | 4 | columns; or samples per second and channel |
 * | 20 | 4 | rows; or channels |
 * | 24 | | RGB; or samples of 16 bits, interleaved |
 *
 * @module
 */
import type { Planar } from "@vcs/encodec-stream";
import type { RgbImage } from "@vcs/video-vq";

const HEADER = 24;

function headed(kind: number, second: number, a: number, b: number, size: number) {
  const bytes = new Uint8Array(HEADER + size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, kind);
  view.setFloat64(8, second, true);
  view.setUint32(16, a, true);
  view.setUint32(20, b, true);
  return { bytes, view };
}

/** A picture as a message. */
export function pictureMessage({ width, height, data }: RgbImage, second: number): Uint8Array {
  const { bytes } = headed(0, second, width, height, data.length);
  bytes.set(data, HEADER);
  return bytes;
}

/** Sound as a message. */
export function soundMessage(samples: Planar, rate: number, second: number): Uint8Array {
  const length = samples[0]?.length ?? 0;
  const size = 2 * samples.length * length;
  const { bytes, view } = headed(1, second, rate, samples.length, size);
  let at = HEADER;
  for (let i = 0; i < length; i++) {
    for (const plane of samples) {
      const value = Math.max(-1, Math.min(1, plane[i]!));
      view.setInt16(at, Math.round(32767 * value), true);
      at += 2;
    }
  }
  return bytes;
}
