/**
 * Motion vectors as codecs store them: how each block of a frame moved since the frame it was
 * predicted from.
 *
 * @module
 */

/** The motion vectors of one frame, one array element per block. Positions are in pixels. */
export interface MotionVectors {
  /** Number of blocks. */
  readonly length: number;
  /** Distance to the reference in frames: negative for an earlier one, positive for a later one. */
  readonly source: Int32Array;
  /** Width of the block. */
  readonly width: Uint8Array;
  /** Height of the block. */
  readonly height: Uint8Array;
  /** Centre of the block in this frame, from the left. */
  readonly x: Int16Array;
  /** Centre of the block in this frame, from the top. */
  readonly y: Int16Array;
  /** Movement to the right from this frame to the reference, in pixels and parts of them. */
  readonly dx: Float32Array;
  /** Movement downwards from this frame to the reference, in pixels and parts of them. */
  readonly dy: Float32Array;
}

/** Bytes of one `AVMotionVector` (libavutil/motion_vector.h), with its padding. */
const RECORD = 40;

/**
 * Reads the side data that FFmpeg exports with `flags2=+export_mvs`.
 *
 * @param bytes records of 40 bytes each (libavutil/motion_vector.h)
 */
export function parseMotionVectors(bytes: Uint8Array): MotionVectors {
  const length = Math.floor(bytes.length / RECORD);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const vectors = {
    length,
    source: new Int32Array(length),
    width: new Uint8Array(length),
    height: new Uint8Array(length),
    x: new Int16Array(length),
    y: new Int16Array(length),
    dx: new Float32Array(length),
    dy: new Float32Array(length),
  };
  for (let i = 0; i < length; i++) {
    const at = i * RECORD;
    const scale = view.getUint16(at + 32, true) || 1;
    vectors.source[i] = view.getInt32(at, true);
    vectors.width[i] = view.getUint8(at + 4);
    vectors.height[i] = view.getUint8(at + 5);
    vectors.x[i] = view.getInt16(at + 10, true);
    vectors.y[i] = view.getInt16(at + 12, true);
    vectors.dx[i] = view.getInt32(at + 24, true) / scale;
    vectors.dy[i] = view.getInt32(at + 28, true) / scale;
  }
  return vectors;
}
