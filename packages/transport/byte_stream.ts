/**
 * Reads a connection by counts of bytes, however its bytes are cut; inside this package.
 *
 * @module
 */
import { TransportError } from "./errors.ts";

/** What bytes are read from. */
export interface ByteReader {
  /** Reads some bytes; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

const CHUNK = 64 * 1024;
/** Bodies from this length on are read in place. */
const LONG = CHUNK / 2;
/** The longest frame that a buffer is made for before its first byte came. */
const MAX_EXPECTED = 1024 * 1024;
/** Bodies start at a multiple of this in their buffers where they can. */
const ALIGNMENT = 16;

/** The bytes of a connection. */
export class ByteStream {
  readonly #source: ByteReader;
  readonly #shared = new Uint8Array(CHUNK);
  /** Where bytes are read to: the shared chunk, or one of the length that a frame may have. */
  #chunk = this.#shared;
  #from = 0;
  #to = 0;
  /** The last long body and what came before it in its frame: the next may be alike. */
  #last = { header: 0, length: 0 };

  constructor(source: ByteReader) {
    this.#source = source;
  }

  /** How many bytes were read and not taken. */
  get size(): number {
    return this.#to - this.#from;
  }

  /** A 32-bit number, little-endian, among the bytes that were read and not taken. */
  peek(at: number): number {
    const bytes = this.#chunk.subarray(this.#from + at);
    return (bytes[0]! | bytes[1]! << 8 | bytes[2]! << 16 | bytes[3]! << 24) >>> 0;
  }

  /** Whether the connection ended; waits for a byte. */
  async atEnd(): Promise<boolean> {
    return this.size === 0 && !await this.#more();
  }

  /**
   * A few bytes, as a view that holds until the next read.
   *
   * @throws {TransportError} `truncated` where the connection ends before.
   */
  async view(length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.size < length) if (!await this.#more()) throw ended();
    return this.#take(length);
  }

  /**
   * So many bytes as an array of their own; the caller has checked the length.
   *
   * @param header bytes of the frame that came before: where frames are alike, the next is read
   * into the body's own buffer from its first byte on
   */
  async body(length: number, header = 0): Promise<Uint8Array<ArrayBuffer>> {
    this.#last = { header, length };
    const buffered = this.#take(Math.min(length, this.size));
    const body = this.#rest(buffered, length) ?? new Uint8Array(length);
    if (body.buffer !== buffered.buffer) body.set(buffered);
    for (let at = buffered.length; at < length;) {
      // What is left is read in place, unless it is short: then what follows comes along.
      if (length >= LONG) at += await this.#read(body.subarray(at));
      else {
        const some = await this.#some(length - at);
        body.set(some, at);
        at += some.length;
      }
    }
    return body;
  }

  /** The body where it lies, if the chunk was made for it and ends with it. */
  #rest({ byteOffset }: Uint8Array, length: number): Uint8Array<ArrayBuffer> | undefined {
    const chunk = this.#chunk;
    if (chunk === this.#shared || byteOffset + length !== chunk.buffer.byteLength) return undefined;
    this.#chunk = this.#shared;
    this.#from = this.#to = 0;
    return new Uint8Array(chunk.buffer, byteOffset);
  }

  /** Leaves out so many bytes. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) left -= (await this.#some(left)).length;
  }

  /** At least one byte, at most `most`. */
  async #some(most: number): Promise<Uint8Array> {
    if (await this.atEnd()) throw ended();
    return this.#take(Math.min(most, this.size));
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    return this.#chunk.subarray(this.#from, this.#from += length);
  }

  /** Reads some more into the chunk; false at the end. */
  async #more(): Promise<boolean> {
    if (this.size === 0) this.#renew();
    else if (this.#from > 0) this.#chunk.copyWithin(0, this.#from, this.#to);
    this.#to -= this.#from;
    this.#from = 0;
    const room = this.#to === 0 ? this.#chunk : this.#chunk.subarray(this.#to);
    const count = await this.#source.read(room);
    this.#to += count ?? 0;
    return count !== null;
  }

  /** Takes the chunk that fits what may come; what was in it is taken. */
  #renew(): void {
    const { header, length } = this.#last;
    if (length < LONG || header + length > MAX_EXPECTED) this.#chunk = this.#shared;
    else if (this.#chunk.length !== header + length) this.#chunk = expecting(header, length);
  }

  async #read(into: Uint8Array): Promise<number> {
    const count = await this.#source.read(into);
    if (count === null) throw ended();
    return count;
  }
}

/** A chunk for a frame whose body starts aligned. */
function expecting(header: number, length: number): Uint8Array<ArrayBuffer> {
  const pad = -header & (ALIGNMENT - 1);
  return new Uint8Array(new ArrayBuffer(pad + header + length), pad);
}

/** Writes all of some bytes. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = await conn.write(bytes); at < bytes.length;) {
    at += await conn.write(bytes.subarray(at));
  }
}

function ended(): TransportError {
  return new TransportError("truncated", "Cannot read on: the connection ended within a frame");
}
