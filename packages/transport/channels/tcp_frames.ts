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
import { crc32 } from "node:zlib";
import { TransportError } from "../errors.ts";
import { ENVELOPE_SIZE } from "../message.ts";

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
const CHUNK = 64 * 1024;

/** A frame as read; the body of a message that was too long is left out. */
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
export function frameControl(type: number, number = 0, body = new Uint8Array(0)): Uint8Array {
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
  return type === FRAME.message ? sum : crc32(body, sum);
}

/** What frames are read from. */
export interface ByteReader {
  read(into: Uint8Array): Promise<number | null>;
}

/** Reads frames from a connection, however its bytes are cut. */
export class FrameReader {
  readonly #source: ByteReader;
  readonly #maxMessage: number;
  readonly #chunk = new Uint8Array(CHUNK);
  #from = 0;
  #to = 0;

  /** Bodies of messages are allocated up to an envelope and `maxPayload` bytes. */
  constructor(source: ByteReader, maxPayload: number) {
    this.#source = source;
    this.#maxMessage = ENVELOPE_SIZE + maxPayload;
  }

  /**
   * The next frame; undefined where the connection ended between two.
   *
   * @throws {TransportError} `format`, `checksum` or `truncated`.
   */
  async next(): Promise<Frame | undefined> {
    if (this.#from === this.#to && !await this.#refill()) return undefined;
    const header = await this.#bytes(HEADER_SIZE);
    const view = new DataView(header.buffer, header.byteOffset);
    const type = view.getUint32(0, true);
    const length = view.getUint32(4, true);
    const number = Number(view.getBigUint64(8, true));
    const sum = view.getUint32(16, true);
    if (type === FRAME.message) {
      check(sum === crc32(header.subarray(0, 16)));
      return { type, number, body: await this.#message(length) };
    }
    if (length > MAX_CONTROL) {
      throw new TransportError("format", `Cannot read a frame: type ${type}, ${length} bytes`);
    }
    const fields = header.slice(0, 16);
    const body = (await this.#bytes(length)).slice();
    check(sum === checksum(fields, type, body));
    return { type, number, body };
  }

  async #message(length: number): Promise<Uint8Array | undefined> {
    if (length > this.#maxMessage) {
      for (let left = length; left > 0;) left -= (await this.#some(left)).length;
      return undefined;
    }
    const body = new Uint8Array(length);
    const buffered = this.#take(Math.min(length, this.#to - this.#from));
    body.set(buffered);
    for (let at = buffered.length; at < length;) {
      // What is left is read in place, unless it is short: then the next frame comes along.
      if (length - at >= CHUNK / 2) at += await this.#read(body.subarray(at));
      else {
        const some = await this.#some(length - at);
        body.set(some, at);
        at += some.length;
      }
    }
    return body;
  }

  /** So many bytes as a view that holds until the next read. */
  async #bytes(length: number): Promise<Uint8Array> {
    while (this.#to - this.#from < length) {
      this.#chunk.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
      this.#to += await this.#read(this.#chunk.subarray(this.#to));
    }
    return this.#take(length);
  }

  /** At least one byte, at most `most`. */
  async #some(most: number): Promise<Uint8Array> {
    if (this.#from === this.#to && !await this.#refill()) throw ended();
    return this.#take(Math.min(most, this.#to - this.#from));
  }

  #take(length: number): Uint8Array {
    return this.#chunk.subarray(this.#from, this.#from += length);
  }

  async #refill(): Promise<boolean> {
    this.#from = 0;
    this.#to = await this.#source.read(this.#chunk) ?? 0;
    return this.#to > 0;
  }

  async #read(into: Uint8Array): Promise<number> {
    const count = await this.#source.read(into);
    if (count === null) throw ended();
    return count;
  }
}

function check(good: boolean): void {
  if (!good) throw new TransportError("checksum", "Cannot read a frame: its header is damaged");
}

function ended(): TransportError {
  return new TransportError("truncated", "Cannot read a frame: the connection ended within it");
}
