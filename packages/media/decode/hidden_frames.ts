/**
 * Packets that are decoded but never shown: VP8 and VP9 store "alternate reference" frames as
 * packets of their own in old WebM files, and a GIF may be cut off in its last picture.
 *
 * @module
 */
import { holdsPicture } from "../formats/gif_picture.ts";

/** Reads single bits, most significant first. */
function bits(byte: number): (count: number) => number {
  let left = 8;
  return (count) => (byte >> (left -= count)) & ((1 << count) - 1);
}

/** The show_frame bit of a VP8 frame tag (RFC 6386, section 9.1). */
function vp8Hidden(first: number): boolean {
  return (first & 0x10) === 0;
}

/** The show_frame bit of a VP9 uncompressed header (VP9 bitstream specification, 6.2). */
function vp9Hidden(first: number, last: number): boolean {
  if ((last & 0xe0) === 0xc0) return false;
  const read = bits(first);
  if (read(2) !== 2) return false;
  const profile = read(1) + 2 * read(1);
  if (profile === 3) read(1);
  if (read(1) === 1) return false;
  read(1);
  return read(1) === 0;
}

/** Codecs whose packets can be hidden frames. */
export const HIDING_CODECS: ReadonlySet<string> = new Set(["vp8", "vp9", "gif"]);

/**
 * Whether a packet holds a frame that is never shown. A superframe (last byte 110xxxxx, VP9
 * annex B) always ends in one that is.
 */
export function isHidden(codec: string, packet: Uint8Array): boolean {
  if (packet.length === 0) return false;
  if (codec === "vp8") return vp8Hidden(packet[0]!);
  if (codec === "vp9") return vp9Hidden(packet[0]!, packet.at(-1)!);
  return codec === "gif" && !holdsPicture(packet);
}
