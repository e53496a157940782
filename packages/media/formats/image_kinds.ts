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
const SIGNATURES: readonly (readonly [number, RegExp, "bmp" | "ppm" | "j2k" | "jp2"])[] = [
  [0, /^BM/, "bmp"],
  [0, /^P[1-7]\s/, "ppm"],
  [0, /^\xff\x4f\xff\x51/, "j2k"],
  [4, /^jP {2}/, "jp2"],
];

/** The kind of an image that FFmpeg is to read, as its file would be called; undefined for others. */
export function kindForFfmpeg(
  bytes: Uint8Array,
): "bmp" | "ppm" | "j2k" | "jp2" | "tga" | undefined {
  const start = ascii(bytes.subarray(0, 12));
  const found = SIGNATURES.find(([at, pattern]) => pattern.test(start.slice(at)))?.[2];
  return found ?? (isTga(bytes) ? "tga" : undefined);
}
