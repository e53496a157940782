/**
 * Image files that libvips does not read and FFmpeg does, by their first bytes.
 *
 * @module
 */

const ascii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** Whether a file may be a TGA, which has no signature: its header's bytes are what they can be. */
function isTga(head: Uint8Array): boolean {
  if (head.length < 18) return false;
  const [, map, type] = head;
  const depth = head[16]!;
  const isEmpty = head.subarray(12, 14).every((byte) => byte === 0) ||
    head.subarray(14, 16).every((byte) => byte === 0);
  const mapped = type === 1 || type === 9;
  return !isEmpty && map! <= 1 && mapped === (map === 1) && [1, 2, 3, 9, 10, 11].includes(type!) &&
    [8, 15, 16, 24, 32].includes(depth);
}

/** First bytes of each kind, from an offset on. */
const SIGNATURES: readonly (readonly [number, RegExp, FfmpegKind])[] = [
  [0, /^BM/, "bmp"],
  [0, /^P[1-7]\s/, "ppm"],
  [0, /^\xff\x4f\xff\x51/, "j2k"],
  [4, /^jP {2}/, "jp2"],
];

/** Kinds of images that FFmpeg is to read, as their files would be called. */
export type FfmpegKind = "bmp" | "ppm" | "j2k" | "jp2" | "tga";

/** Where the header of each kind has width and height; a PPM has them as text. */
const SIZES: Readonly<Partial<Record<FfmpegKind, (view: DataView) => [number, number]>>> = {
  // The oldest headers have 12 bytes, and 16 bits for a side.
  bmp: (view) =>
    view.getUint32(14, true) === 12
      ? [view.getUint16(18, true), view.getUint16(20, true)]
      : [view.getInt32(18, true), view.getInt32(22, true)],
  tga: (view) => [view.getUint16(12, true), view.getUint16(14, true)],
  j2k: (view) => [view.getUint32(8), view.getUint32(12)],
};

/** The size that the header of such an image claims; undefined where that is not seen at once. */
export function claimedSize(
  bytes: Uint8Array,
  kind: FfmpegKind,
): [width: number, height: number] | undefined {
  const words = /^P\d\s+(\d+)\s+(\d+)\s/.exec(ascii(bytes.subarray(0, 32)));
  if (words !== null) return [Number(words[1]), Number(words[2])];
  if (bytes.length < 26) return undefined;
  const sides = SIZES[kind]?.(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  return sides && [Math.abs(sides[0]), Math.abs(sides[1])];
}

/** The kind of an image that FFmpeg is to read, as its file would be called; undefined for others. */
export function kindForFfmpeg(bytes: Uint8Array): FfmpegKind | undefined {
  const start = ascii(bytes.subarray(0, 12));
  const found = SIGNATURES.find(([at, pattern]) => pattern.test(start.slice(at)))?.[2];
  return found ?? (isTga(bytes) ? "tga" : undefined);
}
