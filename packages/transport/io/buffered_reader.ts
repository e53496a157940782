/**
 * Reads exact numbers of bytes, one after the other, from a connection or a stream, whatever chunks
 * they arrive in.
 *
 * @module
 */
import { TransportError } from "../errors.ts";

/** What bytes are read from. */
export interface ByteReader {
  /** Reads some bytes; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Cancels the rest. */
  cancel?(): Promise<void>;
}

const CHUNK = 64 * 1024;
/** Bodies from this length on are read in place. */
const LONG = CHUNK / 2;
/** The longest frame that a buffer is made for before its first byte came. */
const MAX_EXPECTED = 1024 * 1024;
/** Bodies start at a multiple of this in their buffers where they can. */
const ALIGNMENT = 16;
/** The most bytes allocated before they came, for a length that is not trusted. */
const MAX_UNSEEN = 1 << 26;

/** A sequential reader with a buffer. */
export class BufferedReader implements AsyncDisposable {
  readonly #source: ByteReader;
  readonly #what: string;
  #shared: Uint8Array<ArrayBuffer>;
  /** Where bytes are read to: the shared chunk, or one of the length that a frame may have. */
  #chunk: Uint8Array<ArrayBuffer>;
  #from = 0;
  #to = 0;
  /** The last long body and what came before it in its frame: the next may be alike. */
  #last = { header: 0, length: 0 };

  /** Reads from a source, which error messages call `what`, some bytes ahead. */
  constructor(source: ByteReader, what = "on", ahead: number = CHUNK) {
    this.#source = source;
    this.#what = what;
    this.#chunk = this.#shared = new Uint8Array(ahead);
  }

  /** Reads as much ahead from now on as is quick. */
  widen(): void {
    const wide = new Uint8Array(CHUNK);
    wide.set(this.#chunk.subarray(this.#from, this.#to));
    this.#chunk = this.#shared = wide;
    this.#to -= this.#from;
    this.#from = 0;
  }

  /** Reads from a stream, which it locks. */
  static of(stream: ReadableStream<Uint8Array>, what?: string): BufferedReader {
    return new BufferedReader(new StreamReader(stream), what);
  }

  /** The number of bytes read and not yet taken. */
  get size(): number {
    return this.#to - this.#from;
  }

  /** A 32-bit number, little-endian, among the bytes that were read and not taken. */
  peek(at: number): number {
    const bytes = this.#chunk.subarray(this.#from + at);
    return (bytes[0]! | bytes[1]! << 8 | bytes[2]! << 16 | bytes[3]! << 24) >>> 0;
  }

  /** Whether no bytes are left; waits for one. */
  async atEnd(): Promise<boolean> {
    return this.size === 0 && !await this.#more();
  }

  /**
   * A few bytes, as a view that is valid until the next read.
   *
   * @throws {TransportError} `truncated` where the bytes end before.
   */
  async view(length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.size < length) if (!await this.#more()) throw this.#ended(length - this.size);
    return this.#take(length);
  }

  /**
   * `length` bytes as an array of their own; the caller has checked the length.
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
      const count = await this.#fill(body.subarray(at), length >= LONG);
      if (count === 0) throw this.#ended(length - at);
      at += count;
    }
    return body;
  }

  /**
   * `length` bytes as an array of their own, fewer only at the end. The length is not trusted:
   * memory is allocated as bytes come.
   */
  async upTo(length: number): Promise<Uint8Array<ArrayBuffer>> {
    let bytes = new Uint8Array(Math.min(length, MAX_UNSEEN));
    for (let at = 0; at < length;) {
      if (at === bytes.length) bytes = grown(bytes, Math.min(length, 2 * at));
      const count = await this.#fill(bytes.subarray(at), length >= LONG);
      if (count === 0) return bytes.subarray(0, at);
      at += count;
    }
    return bytes;
  }

  /**
   * `length` bytes as an array of their own. The length is not trusted, as in {@linkcode upTo}.
   *
   * @throws {TransportError} `truncated` where the bytes end before.
   */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.upTo(length);
    if (bytes.length < length) throw this.#ended(length - bytes.length);
    return bytes;
  }

  /**
   * What has come, in complete units: one or more, none only at the end. A view, valid until
   * the next read.
   */
  async units(size: number, most = Infinity): Promise<Uint8Array<ArrayBuffer>> {
    if (size > CHUNK) {
      const unit = await this.upTo(size);
      return unit.subarray(0, unit.length < size ? 0 : size);
    }
    while (this.size < size && await this.#more());
    const length = Math.min(this.size, most);
    return this.#take(length - length % size);
  }

  /** The body where it lies, if the chunk was made for it and ends with it. */
  #rest({ byteOffset }: Uint8Array, length: number): Uint8Array<ArrayBuffer> | undefined {
    const chunk = this.#chunk;
    if (chunk === this.#shared || byteOffset + length !== chunk.buffer.byteLength) return undefined;
    this.#chunk = this.#shared;
    this.#from = this.#to = 0;
    return new Uint8Array(chunk.buffer, byteOffset);
  }

  /**
   * Skips `length` bytes.
   *
   * @throws {TransportError} `truncated` where the bytes end before.
   */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      if (await this.atEnd()) throw this.#ended(left);
      left -= this.#take(Math.min(left, this.size)).length;
    }
  }

  /**
   * Makes sure that nothing follows.
   *
   * @throws {TransportError} `format` where something does.
   */
  async end(): Promise<void> {
    if (await this.atEnd()) return;
    throw new TransportError("format", `Cannot read ${this.#what}: more bytes after its end`);
  }

  /** Cancels the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.cancel?.();
  }

  /**
   * Copies some bytes, none only at the end: what is there already; else in place, or through the
   * chunk, so that what follows comes along.
   */
  async #fill(into: Uint8Array, inPlace: boolean): Promise<number> {
    if (this.size === 0) {
      if (inPlace) return await this.#source.read(into) ?? 0;
      if (!await this.#more()) return 0;
    }
    const some = this.#take(Math.min(into.length, this.size));
    into.set(some);
    return some.length;
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

  #ended(missing: number): TransportError {
    return new TransportError(
      "truncated",
      `Cannot read ${this.#what}: the bytes end ${missing} too early`,
    );
  }
}

/** A stream by the interface of a connection. */
class StreamReader implements ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#chunk.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#chunk = value;
    }
    const part = this.#chunk.subarray(0, into.length);
    into.set(part);
    this.#chunk = this.#chunk.subarray(part.length);
    return part.length;
  }

  async cancel(): Promise<void> {
    // A stream that failed has reported it already, and has nothing left to give up.
    await this.#reader.cancel().catch(() => {});
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}

/** A chunk for a frame whose body starts aligned. */
function expecting(header: number, length: number): Uint8Array<ArrayBuffer> {
  const pad = -header & (ALIGNMENT - 1);
  return new Uint8Array(new ArrayBuffer(pad + header + length), pad);
}
