/**
 * A JPEG that claims a row of blocks more than it has. libvips looks for warnings before each 8 lines
 * that it reads, and so sees none of the last: where these are the last row of blocks, it takes an
 * image for whole that lacks them. With a row more the last is the one that is made up.
 *
 * @module
 */

const SOI = 0xd8;
const SOS = 0xda;
/** Frames of one pass whose coefficients are Huffman codes. */
const SEQUENTIAL = [0xc0, 0xc1];

/** A JPEG with a row of blocks that is made up. */
export interface TallerJpeg {
  /** The file. */
  readonly bytes: Uint8Array;
  /** Columns. */
  readonly width: number;
  /** Lines that the image has. */
  readonly height: number;
}

/** Where the first segments of some kinds begin, up to the scan; undefined if one is missing. */
function segmentAt(bytes: Uint8Array, markers: readonly number[]): number | undefined {
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]!;
    if (markers.includes(marker)) return at;
    if (marker === SOS) return undefined;
    at += 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
  }
  return undefined;
}

/** The same with a row more; undefined if it is not needed, or would be missed. */
export function withExtraRow(bytes: Uint8Array): TallerJpeg | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== SOI) return undefined;
  const [frame, scan] = [segmentAt(bytes, SEQUENTIAL), segmentAt(bytes, [SOS])];
  if (frame === undefined || scan === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [height, width] = [view.getUint16(frame + 5), view.getUint16(frame + 7)];
  const components = bytes[frame + 9]!;
  const samplings = bytes.subarray(frame + 10, frame + 10 + 3 * components)
    .filter((_, i) => i % 3 === 1);
  const isRowOfBlocks = samplings.every((sampling) => (sampling & 15) === 1);
  const taller = 8 * Math.ceil(height / 8) + 8;
  // In a file of several scans the row would be missed in each, before any line is read.
  if (!isRowOfBlocks || bytes[scan + 4] !== components || taller > 0xffff) return undefined;
  const changed = bytes.slice();
  new DataView(changed.buffer).setUint16(frame + 5, taller);
  return { bytes: changed, width, height };
}
