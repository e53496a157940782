/**
 * Bytes from a file, a URL, a stream or memory, read forwards and, if the source allows it, from any
 * position: files seek, HTTP servers are asked for a range; if a server ignores it, or the source is
 * a pipe, the bytes in between are read and dropped.
 *
 * @module
 */
import { concatBytes, onAbort, streamOf } from "@vcs/transport/portable";
import { EcdcError } from "../errors.ts";

/** What can be opened: a path, a URL, `-` for standard input, bytes, or a stream of bytes. */
export type SourceLike = string | URL | Uint8Array | ReadableStream<Uint8Array>;

/** Opens the bytes from a position up to an end, or up to the source's own end. */
type Reopen = (from: number, to?: number) => Promise<Opened>;

/** A stream and the position of its first byte, which is 0 if a server ignores ranges. */
interface Opened {
  readonly stream: ReadableStream<Uint8Array>;
  readonly at: number;
  /** Position at which the stream ends although the source goes on. */
  readonly end?: number | undefined;
}

/** A seek forward by at most this many bytes reads on in place of opening the source again. */
const NEAR = 64 * 1024;

/** Bytes from a position on, valid until the next seek of their source. */
export interface ByteRun {
  /**
   * Reads a number of bytes; fewer only at the end.
   *
   * @throws {TypeError} if the source was sought again since.
   * @throws the reason of the source's signal, once it is aborted.
   */
  read(length: number): Promise<Uint8Array>;
}

/**
 * A source of bytes that seeks, read from one position at a time. Close it with `await using`.
 */
export class SeekableSource implements AsyncDisposable {
  /** Total bytes, if known. */
  readonly size: number | undefined;
  readonly #reopen: Reopen | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** The next chunk, while it is awaited. */
  #arriving: Promise<ReadableStreamReadResult<Uint8Array>> | undefined;
  #held: Uint8Array = new Uint8Array(0);
  #position = 0;
  /** Position at which the open stream ends, although the source may go on. */
  #end = Infinity;
  /** Number of the latest seek; runs of earlier ones read no more. */
  #turn = 0;
  #signal: AbortSignal | undefined;
  #aborting: Disposable | undefined;

  private constructor(first: ReadableStream<Uint8Array>, size?: number, reopen?: Reopen) {
    this.#reader = first.getReader();
    this.size = size;
    this.#reopen = reopen;
  }

  /**
   * Opens a source at its start.
   *
   * @param options `signal` ends every wait for bytes, and closes the source
   * @throws {EcdcError} `unreachable` if a file or a URL cannot be opened, `unsupported` for other URLs
   * than http, https and file.
   */
  static async open(
    source: SourceLike,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<SeekableSource> {
    const opened = await SeekableSource.#open(source, signal);
    opened.#signal = signal;
    // Ends a read that waits.
    opened.#aborting = onAbort(signal, () => void opened.#reader.cancel().catch(() => {}));
    return opened;
  }

  static async #open(source: SourceLike, signal?: AbortSignal): Promise<SeekableSource> {
    if (source instanceof Uint8Array) return openBytes(source, SeekableSource.#make);
    if (source instanceof ReadableStream) return new SeekableSource(source);
    if (source === "-") return new SeekableSource(Deno.stdin.readable);
    const url = asUrl(source);
    if (url?.protocol.startsWith("http")) return await openUrl(url, SeekableSource.#make, signal);
    if (url && url.protocol !== "file:") {
      throw new EcdcError(
        "unsupported",
        `Cannot open ${url}: found ${url.protocol}, expected http:, https: or file:`,
      );
    }
    return await openFile(url ?? `${source}`, SeekableSource.#make);
  }

  static #make(this: void, first: ReadableStream<Uint8Array>, size?: number, reopen?: Reopen) {
    return new SeekableSource(first, size, reopen);
  }

  /** Bytes before the next one to be read. */
  get position(): number {
    return this.#position;
  }

  /** Waits for the next bytes and takes at most so many; none at the end. */
  async #take(most: number, turn: number): Promise<Uint8Array> {
    this.#check(turn);
    while (this.#held.length === 0) {
      // If an earlier run waits for the same chunk, this one takes it.
      const { value, done } = await (this.#arriving ??= this.#reader.read());
      this.#check(turn);
      this.#arriving = undefined;
      if (done) return new Uint8Array(0);
      this.#held = value;
    }
    const taken = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(taken.length);
    this.#position += taken.length;
    return taken;
  }

  #check(turn: number): void {
    this.#signal?.throwIfAborted();
    if (turn === this.#turn) return;
    throw new TypeError("Cannot read on: the source was sought again since");
  }

  async #read(length: number, turn: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let missing = length; missing > 0;) {
      const part = await this.#take(missing, turn);
      if (part.length === 0) break;
      missing -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0]! : concatBytes(parts);
  }

  /**
   * Seeks to a position and returns the bytes there. Earlier runs end, even while they wait for bytes.
   * A position past the end is valid: reads return nothing there.
   *
   * @param position bytes from the start
   * @param end position up to which bytes are needed, so that a server sends no more. Default: the
   * source's own end.
   * @throws {RangeError} if the position lies behind and the source only runs forwards.
   */
  async seek(position: number, end?: number): Promise<ByteRun> {
    const turn = ++this.#turn;
    this.#check(turn);
    const forward = position - this.#position;
    const near = forward >= 0 && forward <= Math.max(NEAR, this.#held.length);
    const open = near && (end ?? Infinity) <= this.#end;
    if (!open && this.#reopen) await this.#openAt(this.#reopen, turn, position, end);
    else if (forward < 0) {
      throw new RangeError(
        `Cannot go back to byte ${position}: the source only runs forwards and is at ${this.#position}`,
      );
    }
    while (this.#position < position) {
      const { length } = await this.#take(position - this.#position, turn);
      if (length === 0) break;
    }
    return { read: (length) => this.#read(length, turn) };
  }

  async #openAt(reopen: Reopen, turn: number, position: number, end?: number): Promise<void> {
    // Until there is a new stream, nobody reads on in the old one.
    this.#end = -1;
    await this.#reader.cancel().catch(() => {});
    const opened = await reopen(position, end);
    if (turn !== this.#turn || this.#signal?.aborted) await opened.stream.cancel();
    this.#check(turn);
    this.#reader = opened.stream.getReader();
    this.#arriving = undefined;
    this.#held = new Uint8Array(0);
    this.#position = opened.at;
    this.#end = opened.end ?? Infinity;
  }

  /** Closes the source. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#aborting?.[Symbol.dispose]();
    await this.#reader.cancel().catch(() => {});
  }
}

type Make = (first: ReadableStream<Uint8Array>, size?: number, reopen?: Reopen) => SeekableSource;

/** A URL, or undefined for a path. The disguises `hxxp` and `hxxps` are read as http and https. */
function asUrl(source: string | URL): URL | undefined {
  if (source instanceof URL) return source;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source)
    ? new URL(source.replace(/^hxxp(s?):/i, "http$1:"))
    : undefined;
}

function openBytes(bytes: Uint8Array, make: Make): SeekableSource {
  const from = (at: number) =>
    streamOf(at < bytes.length ? [bytes.subarray(at)] : []) as ReadableStream<
      Uint8Array
    >;
  const reopen: Reopen = (at) => Promise.resolve({ stream: from(at), at });
  return make(from(0), bytes.length, reopen);
}

function unreachable(what: string | URL, why: string, cause?: unknown): EcdcError {
  return new EcdcError("unreachable", `Cannot open ${what}: ${why}`, { cause });
}

async function openFile(path: string | URL, make: Make): Promise<SeekableSource> {
  const open = async (from: number): Promise<Opened> => {
    const file = await Deno.open(path);
    if (from > 0) await file.seek(from, Deno.SeekMode.Start);
    return { stream: file.readable, at: from };
  };
  try {
    const { isFile, size } = await Deno.stat(path);
    const { stream } = await open(0);
    return isFile ? make(stream, size, open) : make(stream);
  } catch (error) {
    throw unreachable(path, error instanceof Error ? error.message : `${error}`, error);
  }
}

async function request(url: URL, range: string | undefined, signal?: AbortSignal) {
  const headers: Record<string, string> = range ? { range } : {};
  try {
    return await fetch(url, { headers, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable(url, error instanceof Error ? error.message : `${error}`, error);
  }
}

/** The position of a partial response's first byte, from `Content-Range: bytes 5-9/20`. */
function rangeStart(response: Response): number {
  const match = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  return match ? Number(match[1]) : 0;
}

const EMPTY = (): ReadableStream<Uint8Array> => new Blob([]).stream();

async function openUrl(url: URL, make: Make, signal?: AbortSignal): Promise<SeekableSource> {
  const reopen: Reopen = async (from, to) => {
    const range = `bytes=${from}-${to === undefined ? "" : to - 1}`;
    const response = await request(url, range, signal);
    // A server's way to say that the position is past the end.
    if (response.status === 416) {
      await response.body?.cancel();
      return { stream: EMPTY(), at: from };
    }
    const stream = await bodyOf(url, response);
    return response.status === 206
      ? { stream, at: rangeStart(response), end: to }
      : { stream, at: 0 };
  };
  const response = await request(url, undefined, signal);
  const length = response.headers.get("content-length");
  const encoded = response.headers.has("content-encoding");
  const size = length !== null && !encoded ? Number(length) : undefined;
  return make(await bodyOf(url, response), size, reopen);
}

async function bodyOf(url: URL, response: Response): Promise<ReadableStream<Uint8Array>> {
  if (response.ok) return response.body ?? EMPTY();
  await response.body?.cancel();
  throw unreachable(url, `the server responded ${response.status} ${response.statusText}`);
}
