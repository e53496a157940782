/**
 * Media that claim much in few bytes, and large honest media.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { concatBytes } from "@vcs/transport/internal";
import { encodeJpeg, encodePng } from "@vcs/media/image";
import { encodeWav } from "@vcs/media/wav";
import { once, text } from "./reader.ts";

/** A PNG of one pixel whose header claims another size. */
export async function png(width: number, height: number): Promise<Uint8Array> {
  const bytes = await encodePng({ width: 1, height: 1, data: new Uint8Array(3) });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(16, width);
  view.setUint32(20, height);
  view.setUint32(29, crc32(bytes.subarray(12, 29)));
  return bytes;
}

/** A BMP, compressed by runs, whose header claims a size. */
export function bmp(width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(2000);
  const view = new DataView(bytes.buffer);
  const words = [[2, 2000], [10, 1078], [14, 40], [18, width], [22, height], [30, 1]] as const;
  for (const [at, word] of words) view.setUint32(at, word, true);
  bytes.set([1, 0, 8, 0], 26);
  bytes.set(text("BM"));
  return bytes;
}

/**
 * VP8 in IVF: key frames, a kilobyte each, that claim a size.
 *
 * @param side what the container says of both sides. Default: the width.
 */
export function vp8(width: number, height: number, frames: number, side = width): Uint8Array {
  const header = new Uint8Array(32);
  header.set(text("DKIF\0\0\x20\0VP80"));
  const view = new DataView(header.buffer);
  view.setUint16(12, side, true);
  view.setUint16(14, side, true);
  view.setUint32(16, 25, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, frames, true);
  const frame = (i: number) => {
    const bytes = new Uint8Array(12 + 1024);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 1024, true);
    view.setUint32(4, i, true);
    bytes.set([0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a], 12); // a shown key frame, 16 bytes of modes
    view.setUint16(18, width, true);
    view.setUint16(20, height, true);
    return bytes;
  };
  return concatBytes([header, ...Array.from({ length: frames }, (_, i) => frame(i))]);
}

/** MP3 of silence, 96 bytes a frame of 1,152 samples. */
export function silence(frames: number): Uint8Array {
  const bytes = new Uint8Array(96 * frames);
  for (let i = 0; i < frames; i++) bytes.set([0xff, 0xfb, 0x14, 0xc4], 96 * i);
  return bytes;
}

/** A WAV file of megabytes whose header says something else at a place. */
export function wav(megabytes: number, at = 0, word?: number): Uint8Array {
  const samples = new Float32Array(megabytes << 19);
  const bytes = encodeWav([samples], { sampleRate: 48000 });
  if (word !== undefined) new DataView(bytes.buffer).setUint16(at, word, true);
  return bytes;
}

/** A WAV file of as many channels as can be claimed. */
export function manyChannels(): Uint8Array {
  const bytes = wav(1, 22, 65535);
  const view = new DataView(bytes.buffer);
  view.setUint16(32, 2 * 32767, true);
  view.setUint16(22, 32767, true);
  return bytes;
}

/** A JPEG of 8K. */
const jpeg8k = once(() => {
  const [width, height] = [7680, 4320];
  return encodeJpeg({ width, height, data: new Uint8Array(width * height * 3) });
});

/** JPEGs of 8K, one after the other. */
export async function mjpeg8k(frames: number): Promise<Uint8Array> {
  const jpeg = await jpeg8k();
  return concatBytes(Array.from({ length: frames }, () => jpeg));
}
