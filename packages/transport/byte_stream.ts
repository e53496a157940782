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
const LITTLE = 256;

/** The bytes of a connection. */
export class ByteStream {
  readonly #source: ByteReader;
  readonly #chunk = new Uint8Array(CHUNK);
  #from = 0;
  #to = 0;
  #lastBody = 0;

  constructor(source: ByteReader) {
    this.#source = source;
  }

  /** Whether the connection ended; waits for a byte. */
  async atEnd(): Promise<boolean> {
    return this.#from === this.#to && !await this.#refill();
  }

  /**
   * A few bytes, as a view that holds until the next read.
   *
   * @throws {TransportError} `truncated` where the connection ends before.
   */
  async view(length: number): Promise<Uint8Array> {
    while (this.#to - this.#from < length) {
      this.#chunk.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
      this.#to += await this.#read(this.#chunk.subarray(this.#to));
    }
    return this.#take(length);
  }

  /** So many bytes as an array of their own; the caller has checked the length. */
  async body(length: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#lastBody = length;
    const body = new Uint8Array(length);
    const buffered = this.#take(Math.min(length, this.#to - this.#from));
    body.set(buffered);
    for (let at = buffered.length; at < length;) {
      // What is left is read in place, unless it is short: then what follows comes along.
      if (length - at >= CHUNK / 2 || length >= CHUNK) at += await this.#read(body.subarray(at));
      else {
        const some = await this.#some(length - at);
        body.set(some, at);
        at += some.length;
      }
    }
    return body;
  }

  /** Leaves out so many bytes. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) left -= (await this.#some(left)).length;
  }

  /** At least one byte, at most `most`. */
  async #some(most: number): Promise<Uint8Array> {
    if (await this.atEnd()) throw ended();
    return this.#take(Math.min(most, this.#to - this.#from));
  }

  #take(length: number): Uint8Array {
    return this.#chunk.subarray(this.#from, this.#from += length);
  }

  async #refill(): Promise<boolean> {
    this.#from = 0;
    this.#to = 0;
    // After a long body another is likely: its start is enough, the rest is read in place.
    const room = this.#lastBody < CHUNK ? this.#chunk : this.#chunk.subarray(0, LITTLE);
    this.#to = await this.#source.read(room) ?? 0;
    return this.#to > 0;
  }

  async #read(into: Uint8Array): Promise<number> {
    const count = await this.#source.read(into);
    if (count === null) throw ended();
    return count;
  }
}

/** Writes all of some bytes. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

function ended(): TransportError {
  return new TransportError("truncated", "Cannot read on: the connection ended within a frame");
}
