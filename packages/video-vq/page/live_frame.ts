/**
 * Frames as the page takes them: a binary message of index (u32), columns (u16), rows (u16), the
 * time of capture in milliseconds since 1970 (f64), all little-endian, then RGB.
 *
 * @module
 */

/** A frame for the page. */
export interface LiveFrame {
  /** Number of the frame in its stream. */
  readonly index: number;
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

/** A frame as a message. */
export function encodeLiveFrame({ index, width, height, capturedAt, data }: LiveFrame): Uint8Array {
  const bytes = new Uint8Array(HEADER + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, index, true);
  view.setUint16(4, width, true);
  view.setUint16(6, height, true);
  view.setFloat64(8, capturedAt, true);
  bytes.set(data, HEADER);
  return bytes;
}
