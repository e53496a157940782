/**
 * WebSocket frames (RFC 6455) as a feed needs them: any size to the viewer, and from the viewer
 * single frames of at most 125 bytes. The runtime's own WebSocket cannot cut a connection whose
 * peer has stopped reading, and takes messages of any length.
 *
 * @module
 */
import { builtin } from "../io/builtin.ts";

/** Kinds of frames. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Close codes that are sent. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocol: 1002,
  unsupported: 1003,
  tooLarge: 1009,
} as const;

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const FINAL = 0x80;
const MASKED = 0x80;
/** Bytes before the payload of a short masked frame. */
const MASKED_HEAD = 6;
const LARGEST_SHORT = 125;

/** A frame from a viewer. */
export interface ClientFrame {
  /** Its kind. */
  readonly opcode: number;
  /** Its payload, unmasked. */
  readonly payload: Uint8Array;
  /** Bytes that it took. */
  readonly size: number;
}

/** What a viewer sent breaks the rules; the code says how. */
export class FrameError extends Error {
  /** Name of the class. */
  override readonly name = "FrameError";

  /** Makes an error with a close code. */
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** Value of `Sec-WebSocket-Accept`. */
export function acceptKey(key: string): string {
  return builtin("node:crypto").createHash("sha1").update(key + GUID).digest("base64");
}

/**
 * Makes one frame to a viewer.
 *
 * @param isLast whether no more fragments of its message follow. Default: true.
 */
export function encodeFrame(opcode: number, payload: Uint8Array, isLast = true): Uint8Array {
  const { length } = payload;
  const head = length <= LARGEST_SHORT ? 2 : length < 0x1_0000 ? 4 : 10;
  const frame = new Uint8Array(head + length);
  const view = new DataView(frame.buffer);
  frame[0] = (isLast ? FINAL : 0) | opcode;
  frame[1] = head === 2 ? length : head === 4 ? 126 : 127;
  if (head === 4) view.setUint16(2, length);
  if (head === 10) view.setBigUint64(2, BigInt(length));
  frame.set(payload, head);
  return frame;
}

/** Makes the frame that ends a connection. */
export function closeFrame(code: number): Uint8Array {
  return encodeFrame(OPCODE.close, Uint8Array.of(code >> 8, code & 0xff));
}

/**
 * Takes a viewer's frame off the front of what it sent; undefined while it is not all there.
 *
 * @throws {FrameError} where it is too long, in fragments or not masked
 */
export function decodeFrame(bytes: Uint8Array): ClientFrame | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const length = second & ~MASKED;
  if ((second & MASKED) === 0) throw new FrameError(CLOSE.protocol, "a frame is not masked");
  if (length > LARGEST_SHORT) throw new FrameError(CLOSE.tooLarge, "a message is too long");
  if ((first & FINAL) === 0) throw new FrameError(CLOSE.unsupported, "a message is in fragments");
  const size = MASKED_HEAD + length;
  if (bytes.length < size) return undefined;
  const mask = bytes.subarray(2, MASKED_HEAD);
  const payload = bytes.slice(MASKED_HEAD, size).map((byte, i) => byte ^ mask[i % 4]!);
  return { opcode: first & 0xf, payload, size };
}
