/**
 * Frames as the page takes them: a binary message of number (u32), columns (u16), rows (u16), the
 * time of capture in milliseconds since 1970 (f64), all little-endian, then RGB.
 *
 * @module
 */

/** A frame for the page. */
export interface LiveFrame {
  /** Presentation time in seconds, which a frame keeps through the stream. */
  readonly pts: number;
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Milliseconds since 1970. */
  readonly capturedAt: number;
  /** RGB. */
  readonly data: Uint8Array;
}

const HEADER = 16;

/**
 * The number by which the page pairs frames: their time in tenths of a millisecond. Counting them
 * would not do, as frames and windows may be left out on the way.
 */
export function pairNumber(pts: number): number {
  return Math.round(pts * 10_000) % 2 ** 32;
}

/** A frame as a message. */
export function encodeLiveFrame({ pts, width, height, capturedAt, data }: LiveFrame): Uint8Array {
  const bytes = new Uint8Array(HEADER + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pairNumber(pts), true);
  view.setUint16(4, width, true);
  view.setUint16(6, height, true);
  view.setFloat64(8, capturedAt, true);
  bytes.set(data, HEADER);
  return bytes;
}
