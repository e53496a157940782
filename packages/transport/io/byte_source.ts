/**
 * Random access to the bytes of a file or in memory, so that a reader fetches only the ranges that it
 * needs.
 *
 * @example The last four bytes
 * ```ts
 * import { openByteSource } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * using source = await openByteSource(new Uint8Array([1, 2, 3, 4, 5, 6]));
 * assert.deepEqual(await source.read(source.size - 4, 4), new Uint8Array([3, 4, 5, 6]));
 * ```
 *
 * @module
 */
import { TransportError } from "../errors.ts";

/** What {@linkcode openByteSource} opens: a path, a `file:` URL, or bytes in memory. */
export type ByteSourceInput = string | URL | Uint8Array;

/** Bytes that can be read from any position. */
export interface ByteSource extends Disposable {
  /** The path, or `bytes` for bytes in memory: for messages. */
  readonly name: string;
  /** Number of bytes. */
  readonly size: number;
  /** Bytes read so far. */
  readonly bytesRead: number;
  /**
   * Reads a range. Of bytes in memory the result is a view, not a copy.
   *
   * @param offset first byte
   * @param length number of bytes
   * @throws {TransportError} `truncated`: the range goes beyond the end
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Closes the file; reads that have begun are finished first. */
  close(): void;
}

function checkRange(source: ByteSource, offset: number, length: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (whole && offset >= 0 && length >= 0 && offset + length <= source.size) return;
  throw new TransportError(
    "truncated",
    `Cannot read ${length} bytes at ${offset} of ${source.name}: it has ${source.size} bytes`,
  );
}

class MemorySource implements ByteSource {
  readonly name = "bytes";
  readonly size: number;
  bytesRead = 0;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.buffer instanceof ArrayBuffer
      ? bytes as Uint8Array<ArrayBuffer>
      : new Uint8Array(bytes);
    this.size = bytes.byteLength;
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.resolve().then(() => this.#slice(offset, length));
  }

  #slice(offset: number, length: number): Uint8Array<ArrayBuffer> {
    checkRange(this, offset, length);
    this.bytesRead += length;
    return this.#bytes.subarray(offset, offset + length);
  }

  close(): void {}

  [Symbol.dispose](): void {
    this.close();
  }
}

class FileSource implements ByteSource {
  bytesRead = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(
    readonly name: string,
    readonly size: number,
    private readonly file: Deno.FsFile,
  ) {}

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    // A file has one position, so reads take turns.
    const result = this.#turn.then(() => this.#readNow(offset, length));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #readNow(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(this, offset, length);
    const bytes = new Uint8Array(length);
    if (length > 0) await this.file.seek(offset, Deno.SeekMode.Start);
    for (let at = 0; at < length;) {
      const count = await this.file.read(bytes.subarray(at));
      if (count === null) {
        throw new TransportError("truncated", `Cannot read ${this.name}: it became shorter`);
      }
      at += count;
      this.bytesRead += count;
    }
    return bytes;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#turn.then(() => this.file.close());
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Bytes that are read ahead in one go. */
const BLOCK = 1 << 18;

/** A source that is read in order by small steps: they are copied out of a block read in one go. */
class AheadSource implements ByteSource {
  readonly #source: ByteSource;
  #block = { offset: 0, bytes: new Uint8Array(0) };

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get name(): string {
    return this.#source.name;
  }

  get size(): number {
    return this.#source.size;
  }

  get bytesRead(): number {
    return this.#source.bytesRead;
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(this, offset, length);
    if (length > BLOCK / 4) return await this.#source.read(offset, length);
    let { offset: begin, bytes } = this.#block;
    if (offset < begin || offset + length > begin + bytes.length) {
      bytes = await this.#source.read(offset, Math.min(BLOCK, this.size - offset));
      begin = offset;
      this.#block = { offset, bytes };
    }
    return bytes.slice(offset - begin, offset - begin + length);
  }

  close(): void {
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The same bytes for who reads all of them in order, by small steps: of a file many at a time. */
export function readAhead(source: ByteSource): ByteSource {
  return source instanceof MemorySource ? source : new AheadSource(source);
}

/**
 * Opens a file or wraps bytes for random access.
 *
 * @throws {Deno.errors.NotFound} where the file does not exist
 * @throws {TypeError} where the URL is not a `file:` URL, the path is a directory, or the runtime is
 * not Deno and a path was given
 */
export async function openByteSource(input: ByteSourceInput): Promise<ByteSource> {
  if (input instanceof Uint8Array) return new MemorySource(input);
  if (input instanceof URL && input.protocol !== "file:") {
    throw new TypeError(
      `Cannot open ${input}: only file: URLs can be read, found ${input.protocol}`,
    );
  }
  if (!("Deno" in globalThis)) {
    throw new TypeError(
      `Cannot open ${input}: files are opened by Deno alone, expected bytes here`,
    );
  }
  const file = await Deno.open(input);
  const name = input instanceof URL ? decodeURIComponent(input.pathname) : input;
  const { size, isDirectory } = await file.stat();
  if (!isDirectory) return new FileSource(name, size, file);
  file.close();
  throw new TypeError(`Cannot open ${name}: it is a directory, expected a file`);
}
