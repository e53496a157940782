/**
 * The frames of the `tcp:` channel: a 20-byte header with a checksum of its own, then a body.
 *
 * | offset | bytes | field, little-endian |
 * |---|---|---|
 * | 0 | 4 | type, {@linkcode FRAME} |
 * | 4 | 4 | length of the body |
 * | 8 | 8 | number: of the message, or of the last one accepted |
 * | 16 | 4 | CRC-32 of bytes 0 to 15, and of the body unless it is a message |
 *
 * @module
 */
import { crc32 } from "../../formats/crc32.ts";
import { BufferedReader, type ByteReader } from "../../io/buffered_reader.ts";
import { TransportError } from "../../errors.ts";
import { ENVELOPE_SIZE } from "../../message.ts";

/** Types of frames. */
export const FRAME = {
  /** Who speaks; the first frame each way. */
  hello: 1,
  /** That the speaker knows the secret. */
  proof: 2,
  /** Why the speaker hangs up. */
  refuse: 3,
  /** The listener takes the connection. */
  welcome: 4,
  /** A message. */
  message: 5,
  /** All messages up to a number were accepted. */
  accept: 6,
  /** Nothing to say, still there. */
  beat: 7,
  /** The speaker is done. */
  bye: 8,
} as const;

/** Bytes of a frame's header. */
export const HEADER_SIZE = 20;

const MAX_CONTROL = 256;
/** Bytes that are read ahead of an end that is not known. */
const MAX_STRANGER = 1024;
const NOTHING = new Uint8Array(0);

/** A frame as read; the body of a message that was too long is undefined. */
export interface Frame {
  readonly type: number;
  readonly number: number;
  readonly body: Uint8Array | undefined;
}

/** Writes a header over the 20 bytes before a message's bytes; returns both. */
export function frameMessage(bytes: Uint8Array<ArrayBuffer>, number: number): Uint8Array {
  const frame = new Uint8Array(bytes.buffer, bytes.byteOffset - HEADER_SIZE);
  writeHeader(frame, FRAME.message, bytes.length, number);
  return frame;
}

/** A frame other than a message. */
export function frameControl(type: number, number = 0, body = NOTHING): Uint8Array {
  const frame = new Uint8Array(HEADER_SIZE + body.length);
  frame.set(body, HEADER_SIZE);
  writeHeader(frame, type, body.length, number);
  return frame;
}

function writeHeader(frame: Uint8Array, type: number, length: number, number: number): void {
  const view = new DataView(frame.buffer, frame.byteOffset);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  view.setBigUint64(8, BigInt(number), true);
  view.setUint32(16, checksum(frame.subarray(0, 16), type, frame.subarray(HEADER_SIZE)), true);
}

function checksum(header: Uint8Array, type: number, body: Uint8Array): number {
  const sum = crc32(header);
  return type === FRAME.message || body.length === 0 ? sum : crc32(body, sum);
}

/** Reads frames from a connection. */
export class FrameReader {
  readonly #bytes: BufferedReader;
  readonly #maxMessage: number;
  #isStranger: boolean;

  /**
   * Bodies of messages are allocated up to an envelope and `maxPayload` bytes.
   *
   * @param isStranger whether the other end is not known yet: it sends no messages, and is held in
   * a few kilobytes
   */
  constructor(source: ByteReader, maxPayload: number, isStranger = false) {
    this.#bytes = new BufferedReader(source, "on", isStranger ? MAX_STRANGER : undefined);
    this.#maxMessage = ENVELOPE_SIZE + maxPayload;
    this.#isStranger = isStranger;
  }

  /** The other end is known from now on. */
  trust(): void {
    this.#isStranger = false;
    this.#bytes.widen();
  }

  /** Whether the next frame has been received in full, so that reading it does not wait. */
  get ready(): boolean {
    const { size } = this.#bytes;
    return size >= HEADER_SIZE && size >= HEADER_SIZE + this.#bytes.peek(4);
  }

  /**
   * The next frame; undefined where the connection ended between two.
   *
   * @throws {TransportError} `format`, `checksum` or `truncated`.
   */
  async next(): Promise<Frame | undefined> {
    if (this.#bytes.size === 0 && await this.#bytes.atEnd()) return undefined;
    const header = await this.#bytes.view(HEADER_SIZE);
    const view = viewOf(header);
    const type = view.getUint32(0, true);
    const length = view.getUint32(4, true);
    const number = Number(view.getBigUint64(8, true));
    const promised = view.getUint32(16, true);
    const sum = crc32(header.subarray(0, 16));
    if (type === FRAME.message && this.#isStranger) {
      throw new TransportError("format", "Cannot connect: found a message, expected a handshake");
    }
    if (!Number.isSafeInteger(number)) {
      throw new TransportError("format", `Cannot read a frame: number ${number} passes 2^53 - 1`);
    }
    if (type === FRAME.message) {
      check(promised, sum);
      return { type, number, body: await this.#message(length) };
    }
    if (length > MAX_CONTROL) {
      throw new TransportError("format", `Cannot read a frame: type ${type}, ${length} bytes`);
    }
    const body = length === 0 ? NOTHING : await this.#bytes.body(length);
    check(promised, length === 0 ? sum : crc32(body, sum));
    return { type, number, body };
  }

  async #message(length: number): Promise<Uint8Array | undefined> {
    if (length <= this.#maxMessage) return await this.#bytes.body(length, HEADER_SIZE);
    await this.#bytes.skip(length);
    return undefined;
  }
}

function check(promised: number, sum: number): void {
  if (promised === sum) return;
  throw new TransportError("checksum", "Cannot read a frame: its header is damaged");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
