/**
 * Reads MJPEG as cameras really send it: multipart with or without lengths, boundaries with dashes
 * in the wrong places, a first part without a delimiter, other parts in between, a start in the
 * middle of a frame, or JPEGs simply one after the other. Any cutting of the bytes into chunks
 * gives the same frames.
 *
 * A frame ends where the JPEG's own markers say so; `Content-Length` decides only where bytes
 * follow that end, or where the markers cannot be walked. A frame without an end is dropped and
 * counted: a decoder would fill it with grey, which looks like a change of the scene.
 *
 * @example Two frames of a stream
 * ```ts
 * import { MjpegReader } from "@vcs/media/mjpeg";
 * import assert from "node:assert/strict";
 *
 * const jpeg = [0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9];
 * const head = new TextEncoder().encode("--frame\r\nContent-Type: image/jpeg\r\n\r\n");
 * const reader = new MjpegReader();
 * const frames = [...reader.push(Uint8Array.from([...head, ...jpeg, 13, 10, ...head, ...jpeg]))];
 * assert.deepEqual(frames.map((frame) => [...frame.data]), [jpeg, jpeg]);
 * ```
 *
 * @module
 */
import { concatBytes } from "@vcs/transport/internal";
import { JpegWalker } from "./formats/jpeg_walker.ts";

/** One frame of a stream. */
export interface MjpegFrame {
  /** The JPEG, byte for byte. */
  readonly data: Uint8Array;
  /** The camera's clock in seconds, where it sends `X-Timestamp`. */
  readonly timestamp?: number;
}

/** What a reader has met. */
export interface MjpegStats {
  /** Whole frames. */
  frames: number;
  /** Frames without an end, dropped. */
  truncated: number;
  /** Parts whose `Content-Length` was wrong. */
  lengthErrors: number;
  /** Parts that are not JPEG. */
  otherParts: number;
  /** Bytes between parts that belong to nothing. */
  strayBytes: number;
}

const MAX_FRAME = 32 * 2 ** 20;
const MAX_HEADER_LINE = 1024;
const MAX_HEADER_LINES = 64;
const LF = 10;
const EOI = Uint8Array.of(0xff, 0xd9);

/** Bytes that have come and not been used, in one array that is reused. */
class Buffer {
  #bytes = new Uint8Array(1 << 16);
  #start = 0;
  #end = 0;

  get view(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  append(chunk: Uint8Array): void {
    const size = this.#end - this.#start;
    if (this.#end + chunk.length > this.#bytes.length) {
      const room = size + chunk.length;
      const target = room > this.#bytes.length ? new Uint8Array(room * 2) : this.#bytes;
      target.set(this.view);
      this.#bytes = target;
      this.#start = 0;
      this.#end = size;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  skip(count: number): void {
    this.#start += count;
    if (this.#start === this.#end) this.#start = this.#end = 0;
  }
}

/** How to read. */
export interface MjpegOptions {
  /**
   * Whether to take frames that have no end, up to where the next begins; they are given one.
   * Default: false, they are dropped and counted.
   */
  readonly acceptUnended?: boolean;
}

/** A part between its headers and its end. */
interface Part {
  readonly headers: Map<string, string>;
  readonly length: number | undefined;
  readonly walker: JpegWalker;
}

function startPart(headers: Map<string, string>): Part {
  const length = Number(headers.get("content-length") ?? NaN);
  const usable = Number.isInteger(length) && length > 0 && length <= MAX_FRAME;
  return { headers, length: usable ? length : undefined, walker: new JpegWalker() };
}

/** Index of FF D8 FF, or -1. */
function findStart(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xd8 && bytes[at + 2] === 0xff) return at;
  }
  return -1;
}

/** Whether the bytes from `at` on are a delimiter; undefined where more are needed to say. */
function isDelimiter(bytes: Uint8Array, at: number): boolean | undefined {
  let i = at;
  if (bytes[i] === 13) i++;
  if (bytes[i] === LF) i++;
  for (const end = i + 2; i < end; i++) {
    if (i >= bytes.length) return undefined;
    if (bytes[i] !== 45) return false;
  }
  return true;
}

/** Whether FF D9 stands in the last 64 bytes before `end`. */
function endsLikeJpeg(bytes: Uint8Array, end: number): boolean {
  for (let at = end - 2; at >= Math.max(0, end - 64); at--) {
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  }
  return false;
}

const text = new TextDecoder("latin1");
const MAX_HEAD = 2048;
const HEAD = /\n(--\S[ -~]*\r?\n(?:[ -~]+\r?\n)*\r?\n)$/;

/** Where the head of a part begins that ends before the frame at `start`; `start` without one. */
function findHead(bytes: Uint8Array, start: number): number {
  const before = text.decode(bytes.subarray(Math.max(0, start - MAX_HEAD), start));
  return start - (HEAD.exec(before)?.[1]?.length ?? 0);
}

const HEADER = /^(content-[a-z-]+|x-[a-z-]+)[ \t]*:(.*)$/i;
const DELIMITER = /^--\S/;

/**
 * An incremental reader of MJPEG. Give it bytes as they come, and call {@linkcode MjpegReader.end}
 * where the stream ends.
 */
export class MjpegReader {
  /** What has been met so far. */
  readonly stats: MjpegStats = {
    frames: 0,
    truncated: 0,
    lengthErrors: 0,
    otherParts: 0,
    strayBytes: 0,
  };
  readonly #buffer = new Buffer();
  readonly #acceptUnended: boolean;
  #headers: Map<string, string> | undefined;
  #headerLines = 0;
  #part: Part | undefined;
  #skip = 0;
  #longLine = false;
  #ended = false;

  /** Starts before the first byte. */
  constructor({ acceptUnended = false }: MjpegOptions = {}) {
    this.#acceptUnended = acceptUnended;
  }

  /** Takes bytes and gives the frames that they complete. */
  *push(chunk: Uint8Array): Generator<MjpegFrame> {
    this.#buffer.append(chunk);
    yield* this.#drain();
  }

  /** Says that no more bytes come, and gives a frame that only waited for them. */
  *end(): Generator<MjpegFrame> {
    this.#ended = true;
    yield* this.#drain();
    if (this.#part !== undefined && this.#buffer.view.length > 0) this.stats.truncated++;
    this.#part = undefined;
    this.#skipBytes(this.#buffer.view.length);
  }

  /** Takes steps until one of them needs more bytes. */
  *#drain(): Generator<MjpegFrame> {
    for (;;) {
      const step = this.#step();
      if (step === "more") return;
      if (step !== undefined) yield step;
    }
  }

  #step(): MjpegFrame | "more" | undefined {
    if (this.#skip > 0) return this.#skipPart();
    if (this.#part !== undefined) return this.#body(this.#part);
    return this.#headers !== undefined ? this.#header(this.#headers) : this.#sync();
  }

  #skipBytes(count: number): void {
    this.#buffer.skip(count);
  }

  #skipPart(): "more" | undefined {
    const count = Math.min(this.#skip, this.#buffer.view.length);
    this.#skipBytes(count);
    this.#skip -= count;
    return this.#skip > 0 ? "more" : undefined;
  }

  /** Looks for what comes first: a delimiter, a header, or the start of a JPEG. */
  #sync(): "more" | undefined {
    const bytes = this.#buffer.view;
    const newline = bytes.indexOf(LF);
    const found = findStart(newline < 0 ? bytes : bytes.subarray(0, newline));
    if (found >= 0) {
      this.stats.strayBytes += found;
      this.#skipBytes(found);
      this.#longLine = false;
      this.#part = startPart(new Map());
      return undefined;
    }
    if (newline < 0) return this.#waitForLine(bytes);
    this.#syncLine(bytes.subarray(0, newline));
    this.#skipBytes(newline + 1);
    return undefined;
  }

  /** Keeps what may become a line, and of a longer one what may become FF D8 FF. */
  #waitForLine(bytes: Uint8Array): "more" {
    if (bytes.length > MAX_HEADER_LINE) {
      this.#longLine = true;
      this.stats.strayBytes += bytes.length - 2;
      this.#skipBytes(bytes.length - 2);
    }
    return "more";
  }

  #syncLine(line: Uint8Array): void {
    const isLong = this.#longLine || line.length > MAX_HEADER_LINE;
    const words = isLong ? "" : text.decode(line).trimEnd();
    this.#longLine = false;
    const header = HEADER.exec(words);
    if (header === null && !DELIMITER.test(words)) {
      if (line.length > 1) this.stats.strayBytes += line.length + 1;
      return;
    }
    this.#headers = new Map(header === null ? [] : [[header[1]!.toLowerCase(), header[2]!.trim()]]);
    this.#headerLines = 1;
  }

  /** Takes one header line; an empty one ends the headers. */
  #header(headers: Map<string, string>): "more" | undefined {
    const bytes = this.#buffer.view;
    const newline = bytes.indexOf(LF);
    const tooLong = (newline < 0 ? bytes.length : newline) > MAX_HEADER_LINE;
    if (
      tooLong || this.#headerLines++ > MAX_HEADER_LINES || findStart(bytes.subarray(0, 3)) === 0
    ) {
      this.#headers = undefined;
      return undefined;
    }
    if (newline < 0) {
      this.#headerLines--;
      return "more";
    }
    const line = text.decode(bytes.subarray(0, newline)).trimEnd();
    this.#skipBytes(newline + 1);
    if (line === "") this.#endHeaders(headers);
    else this.#addHeader(headers, line);
    return undefined;
  }

  #addHeader(headers: Map<string, string>, line: string): void {
    const colon = line.indexOf(":");
    if (colon > 0) {
      headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
  }

  #endHeaders(headers: Map<string, string>): void {
    this.#headers = undefined;
    const type = headers.get("content-type");
    const part = startPart(headers);
    if (type === undefined || /^image\//i.test(type)) {
      if (headers.size > 0) this.#part = part;
    } else {
      this.stats.otherParts++;
      this.#skip = part.length ?? 0;
    }
  }

  /** Waits for the part's JPEG to end. */
  #body(part: Part): MjpegFrame | "more" | undefined {
    const bytes = this.#buffer.view;
    if (bytes.length < 2) return "more";
    if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return this.#resync(0);
    const state = part.walker.walk(bytes);
    if (state === "end") return this.#endOfJpeg(part, bytes);
    if (state === "restarted") return this.#unended(part, findHead(bytes, part.walker.offset));
    if (state === "broken") return this.#byLength(part, bytes);
    if (bytes.length > MAX_FRAME) return this.#truncated(bytes.length);
    return this.#ended ? this.#byLength(part, bytes) : "more";
  }

  /** The markers say that the JPEG has ended: asks the length about bytes after it. */
  #endOfJpeg(part: Part, bytes: Uint8Array): MjpegFrame | "more" {
    const end = part.walker.offset;
    if (part.length === undefined || part.length === end) return this.#emit(part, end);
    const delimited = isDelimiter(bytes, end);
    if (delimited === undefined && !this.#ended) return "more";
    if (part.length < end || delimited !== false) {
      this.stats.lengthErrors++;
      return this.#emit(part, end);
    }
    return bytes.length >= part.length || this.#ended
      ? this.#emit(part, Math.min(part.length, bytes.length))
      : "more";
  }

  /** The markers make no sense: believes the length where the bytes before it end like a JPEG. */
  #byLength(part: Part, bytes: Uint8Array): MjpegFrame | "more" | undefined {
    const { length } = part;
    if (length !== undefined && bytes.length < length && !this.#ended) return "more";
    if (length !== undefined && bytes.length >= length && endsLikeJpeg(bytes, length)) {
      return this.#emit(part, length);
    }
    // Going back to the first byte would find the thumbnail inside the frame.
    return this.#unended(part, Math.min(part.walker.offset, bytes.length));
  }

  /** A frame without an end, which is where the next begins: gives it one, or drops it. */
  #unended(part: Part, length: number): MjpegFrame | undefined {
    if (!this.#acceptUnended || !part.walker.hasScan) return this.#truncated(length);
    const frame = this.#emit(part, length);
    return { ...frame, data: concatBytes([frame.data, EOI]) };
  }

  #emit(part: Part, length: number): MjpegFrame {
    const data = this.#buffer.view.slice(0, length);
    this.#resync(length);
    this.stats.frames++;
    const timestamp = Number(part.headers.get("x-timestamp") ?? NaN);
    return Number.isFinite(timestamp) ? { data, timestamp } : { data };
  }

  #truncated(skip: number): undefined {
    this.stats.truncated++;
    return this.#resync(skip);
  }

  #resync(skip: number): undefined {
    this.#part = undefined;
    this.#skipBytes(skip);
  }
}

/**
 * Reads the frames of a byte stream of MJPEG, multipart or not.
 *
 * @param bytes a response's body, a file, standard input
 * @param reader a reader whose statistics are of interest
 */
export async function* mjpegFrames(
  bytes: AsyncIterable<Uint8Array>,
  reader: MjpegReader = new MjpegReader(),
): AsyncGenerator<MjpegFrame> {
  for await (const chunk of bytes) yield* reader.push(chunk);
  yield* reader.end();
}
