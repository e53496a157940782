/**
 * What crosses a channel: a payload with the id of its stream, its position in it, its time and
 * the model that made it, in a 48-byte envelope with a checksum.
 *
 * | offset | bytes | field, little-endian |
 * |---|---|---|
 * | 0 | 4 | magic `VCSM` |
 * | 4 | 1 | version, 1 |
 * | 5 | 1 | format of the payload: 0 bytes, 1 safetensors |
 * | 6 | 2 | flags: 1 key, 2 end, 4 after a drop; the others zero |
 * | 8 | 8 | stream id |
 * | 16 | 8 | sequence, unsigned |
 * | 24 | 8 | presentation time in microseconds, signed |
 * | 32 | 8 | model id |
 * | 40 | 4 | length of the payload |
 * | 44 | 4 | CRC-32 (zlib's) of bytes 0 to 43 and the payload |
 *
 * The payload starts at a multiple of 16, so that tensors in it can be read without a copy.
 *
 * @example To bytes and back
 * ```ts
 * import { decodeMessage, encodeMessage, message } from "@vcs/transport/message";
 * import assert from "node:assert/strict";
 *
 * const sent = message(new Uint8Array([1, 2, 3]), { sequence: 7, pts: 0.5, key: true });
 * const bytes = encodeMessage(sent);
 * assert.equal(bytes.length, 48 + 3);
 * assert.deepEqual(decodeMessage(bytes), sent);
 * ```
 *
 * @module
 */
import { crc32 } from "./formats/crc32.ts";
import { TransportError } from "./errors.ts";

/** How to read a payload: bytes that both ends know how to unpack, or a safetensors file. */
export type PayloadFormat = "bytes" | "safetensors";

/** A payload and what a receiver must know about it. */
export interface Message {
  /** Id of one run of one producer: 16 lowercase hexadecimal digits. */
  readonly streamId: string;
  /** Position in the stream, from 0; a gap means that messages were dropped. */
  readonly sequence: number;
  /** Presentation time of the payload's start, in seconds. */
  readonly pts: number;
  /** Id of the weights that the payload needs: 16 lowercase hexadecimal digits, or all zero. */
  readonly modelId: string;
  /** Can be decoded without the messages before it. */
  readonly key: boolean;
  /** The stream ends with this message. */
  readonly end: boolean;
  /** The producer dropped messages just before this one. */
  readonly afterDrop: boolean;
  /** How to read the payload. */
  readonly format: PayloadFormat;
  /** The payload; may be a view into a larger buffer. */
  readonly payload: Uint8Array;
}

/** Bytes that the envelope puts before the payload. */
export const ENVELOPE_SIZE = 48;

/** The longest payload that is accepted, in bytes, unless an option says otherwise: 64 MiB. */
export const MAX_PAYLOAD: number = 64 * 1024 * 1024;

/** The id that stands for "none". */
export const NO_ID = "0000000000000000";

const MAGIC = 0x4d534356;
const VERSION = 1;
const FORMATS: readonly PayloadFormat[] = ["bytes", "safetensors"];
const FLAG = { key: 1, end: 2, afterDrop: 4 } as const;
const MICROSECONDS = 1_000_000;

/** A random stream id, for one run of one producer. */
export function newStreamId(): string {
  const id = idAt(viewOf(crypto.getRandomValues(new Uint8Array(8))), 0);
  return id === NO_ID ? newStreamId() : id;
}

/**
 * Makes a message. Default of every field: zero, false, or `"bytes"`.
 *
 * @throws {RangeError} where a field cannot be written into an envelope.
 */
export function message(
  payload: Uint8Array,
  fields: Partial<Omit<Message, "payload">> = {},
): Message {
  const made: Message = {
    streamId: fields.streamId ?? NO_ID,
    sequence: fields.sequence ?? 0,
    pts: fields.pts ?? 0,
    modelId: fields.modelId ?? NO_ID,
    key: fields.key ?? false,
    end: fields.end ?? false,
    afterDrop: fields.afterDrop ?? false,
    format: fields.format ?? "bytes",
    payload,
  };
  checkFields(made);
  return made;
}

/**
 * Writes a message into new bytes: the envelope, then the payload.
 *
 * @throws {RangeError} where a field cannot be written.
 */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ENVELOPE_SIZE + message.payload.length);
  encodeMessageInto(message, bytes);
  return bytes;
}

/**
 * Writes a message into existing bytes, for senders that reuse them.
 *
 * @param bytes exactly as many as the envelope and the payload take
 * @throws {RangeError} where a field cannot be written or the number of bytes differs.
 */
export function encodeMessageInto(message: Message, bytes: Uint8Array): void {
  checkFields(message);
  const length = ENVELOPE_SIZE + message.payload.length;
  if (bytes.length !== length) {
    throw new RangeError(`Cannot write a message: it takes ${length} bytes, found ${bytes.length}`);
  }
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, VERSION);
  view.setUint8(5, FORMATS.indexOf(message.format));
  view.setUint16(6, flagsOf(message), true);
  view.setBigUint64(8, BigInt(`0x${message.streamId}`), true);
  view.setBigUint64(16, BigInt(message.sequence), true);
  view.setBigInt64(24, BigInt(Math.round(message.pts * MICROSECONDS)), true);
  view.setBigUint64(32, BigInt(`0x${message.modelId}`), true);
  view.setUint32(40, message.payload.length, true);
  bytes.set(message.payload, ENVELOPE_SIZE);
  view.setUint32(44, checksum(bytes), true);
}

/**
 * Reads a message from exactly its bytes; the payload is a view of them.
 *
 * @param maxPayload the longest payload to accept, in bytes
 * @throws {TransportError} `format`, `limit` or `checksum`.
 */
export function decodeMessage(bytes: Uint8Array, maxPayload: number = MAX_PAYLOAD): Message {
  const length = payloadLength(bytes, maxPayload);
  if (bytes.length !== ENVELOPE_SIZE + length) {
    throw invalid(`found ${bytes.length} bytes, the envelope says ${ENVELOPE_SIZE + length}`);
  }
  const view = viewOf(bytes);
  if (view.getUint32(44, true) !== checksum(bytes)) {
    throw new TransportError(
      "checksum",
      `Cannot read a message: its ${length} bytes do not match its checksum`,
    );
  }
  return readFields(view, bytes.subarray(ENVELOPE_SIZE));
}

/**
 * Length of the payload that follows an envelope, for reading messages from a stream: checked
 * against the limit before anything is allocated.
 *
 * @param envelope at least {@linkcode ENVELOPE_SIZE} bytes
 * @throws {TransportError} `format` or `limit`.
 */
export function payloadLength(envelope: Uint8Array, maxPayload: number = MAX_PAYLOAD): number {
  if (envelope.length < ENVELOPE_SIZE) {
    throw invalid(`found ${envelope.length} bytes, an envelope takes ${ENVELOPE_SIZE}`);
  }
  const view = viewOf(envelope);
  if (view.getUint32(0, true) !== MAGIC) throw invalid("it does not start with VCSM");
  if (view.getUint8(4) !== VERSION) {
    throw invalid(`found version ${view.getUint8(4)}, known is ${VERSION}`);
  }
  const length = view.getUint32(40, true);
  if (length > maxPayload) {
    throw new TransportError(
      "limit",
      `Cannot read a message: its payload has ${length} bytes, at most ${maxPayload} are accepted`,
    );
  }
  return length;
}

function readFields(view: DataView, payload: Uint8Array): Message {
  const flags = view.getUint16(6, true);
  const format = FORMATS[view.getUint8(5)];
  const sequence = Number(view.getBigUint64(16, true));
  const pts = Number(view.getBigInt64(24, true)) / MICROSECONDS;
  if (flags & ~(FLAG.key | FLAG.end | FLAG.afterDrop)) throw invalid(`unknown flags ${flags}`);
  if (format === undefined) throw invalid(`unknown format ${view.getUint8(5)} of payload`);
  if (!Number.isSafeInteger(sequence)) throw invalid(`sequence ${sequence} passes 2^53 - 1`);
  if (!isTime(pts)) throw invalid(`a time of ${pts} s passes 2^53 microseconds`);
  return {
    streamId: idAt(view, 8),
    sequence,
    pts,
    modelId: idAt(view, 32),
    key: (flags & FLAG.key) !== 0,
    end: (flags & FLAG.end) !== 0,
    afterDrop: (flags & FLAG.afterDrop) !== 0,
    format,
    payload,
  };
}

function checkFields({ streamId, modelId, sequence, pts, payload }: Message): void {
  const wrong = (what: string) => new RangeError(`Cannot make a message: ${what}`);
  for (const id of [streamId, modelId]) {
    if (!/^[0-9a-f]{16}$/.test(id)) {
      throw wrong(`id ${JSON.stringify(id)} is not 16 lowercase hexadecimal digits`);
    }
  }
  if (!Number.isSafeInteger(sequence) || sequence < 0) {
    throw wrong(`sequence ${sequence} is not a whole number from 0 to 2^53 - 1`);
  }
  if (!isTime(pts)) {
    throw wrong(`pts ${pts} is not a time that fits 2^53 microseconds`);
  }
  if (payload.length > 0xffff_ffff) {
    throw wrong(`the payload has ${payload.length} bytes, expected at most 2^32 - 1`);
  }
}

/** Whether a time can be written, however it was rounded. */
function isTime(pts: number): boolean {
  return Number.isSafeInteger(Math.round(pts * MICROSECONDS));
}

function flagsOf(message: Message): number {
  return (message.key ? FLAG.key : 0) | (message.end ? FLAG.end : 0) |
    (message.afterDrop ? FLAG.afterDrop : 0);
}

function checksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(ENVELOPE_SIZE), crc32(bytes.subarray(0, 44)));
}

function idAt(view: DataView, at: number): string {
  return view.getBigUint64(at, true).toString(16).padStart(16, "0");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function invalid(found: string): TransportError {
  return new TransportError("format", `Cannot read a message: ${found}`);
}
