/**
 * Bytes from a file, a URL, a stream or memory, read forwards and, if the source allows it, from any
 * position: files seek, HTTP servers are asked for a range; if a server ignores it, or the source is
 * a pipe, the bytes in between are read and dropped.
 *
 * @module
 */
import {
  type Clock,
  concatBytes,
  onAbort,
  readUnlessStalled,
  streamOf,
  systemClock,
  unlessStalled,
} from "@vcs/transport/portable";
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

/** Attempts without a byte after which a connection that broke is given up. */
const TRIES = 4;

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
  readonly #clock: Clock;
  /** URL of a server, whose connections can break. */
  readonly #url: URL | undefined;
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

  private constructor({ first, size, reopen, url }: Made, clock: Clock) {
    this.#reader = first.getReader();
    this.size = size;
    this.#reopen = reopen;
    this.#url = url;
    this.#clock = clock;
  }

  /**
   * Opens a source at its start. A connection to a server that breaks is made again, at the byte where
   * it broke.
   *
   * @param options `signal` ends every wait for bytes, and closes the source; `clock` is where the
   * time between attempts comes from (Default: the system's)
   * @throws {EcdcError} `unreachable` if a file or a URL cannot be opened, `unsupported` for other URLs
   * than http, https and file.
   */
  static async open(
    source: SourceLike,
    { signal, clock = systemClock }: { signal?: AbortSignal; clock?: Clock } = {},
  ): Promise<SeekableSource> {
    const opened = new SeekableSource(await make(source, clock, signal), clock);
    opened.#signal = signal;
    // Ends a read that waits.
    opened.#aborting = onAbort(signal, () => void opened.#reader.cancel().catch(() => {}));
    return opened;
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
      const { value, done } = await (this.#arriving ??= this.#receive());
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

  /** The next chunk; where the connection broke, of another one. */
  async #receive(): Promise<ReadableStreamReadResult<Uint8Array>> {
    const turn = this.#turn;
    for (let failures = 0;; failures++) {
      try {
        return await (failures === 0 ? this.#next() : this.#resume(turn));
      } catch (error) {
        this.#check(turn);
        if (!this.#url || !this.#reopen) throw error;
        if (error instanceof EcdcError && error.code === "unsupported") throw error;
        if (failures + 1 >= TRIES) throw broken(this.#url, this.#position, error);
        // The first attempt follows at once.
        if (failures > 0) await this.#clock.sleep(1000 * 2 ** (failures - 1), this.#signal);
        this.#check(turn);
      }
    }
  }

  /** The next chunk of the open stream; a server that sends nothing more is hung up on. */
  async #next(): Promise<ReadableStreamReadResult<Uint8Array>> {
    if (!this.#url) return await this.#reader.read();
    return await readUnlessStalled(this.#clock, this.#reader);
  }

  /** Connects again, at the byte where the connection broke. */
  async #resume(turn: number): Promise<ReadableStreamReadResult<Uint8Array>> {
    const to = this.#end < Infinity ? this.#end : undefined;
    const { stream, at } = await this.#reopen!(this.#position, to);
    let skipped = this.#position - at;
    const isAnother = skipped < 0 || (skipped > 0 && this.size === undefined);
    if (isAnother || turn !== this.#turn || this.#signal?.aborted) await stream.cancel();
    this.#check(turn);
    if (isAnother) throw unresumed(this.#url!, this.#position);
    this.#reader = stream.getReader();
    for (;;) {
      const chunk = await this.#next();
      if (chunk.done) return chunk;
      const { value, done } = chunk;
      if (value.length > skipped) return { value: value.subarray(skipped), done };
      skipped -= value.length;
    }
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

/** A source that was opened at its start. */
interface Made {
  readonly first: ReadableStream<Uint8Array>;
  /** Total bytes, if known. */
  readonly size?: number | undefined;
  /** Absent where the source only runs forwards. */
  readonly reopen?: Reopen;
  /** URL of a server. */
  readonly url?: URL;
}

async function make(source: SourceLike, clock: Clock, signal?: AbortSignal): Promise<Made> {
  if (source instanceof Uint8Array) return openBytes(source);
  if (source instanceof ReadableStream) return { first: source };
  if (source === "-") return { first: Deno.stdin.readable };
  const url = asUrl(source);
  if (url?.protocol.startsWith("http")) return await openUrl(url, clock, signal);
  if (url && url.protocol !== "file:") {
    throw new EcdcError(
      "unsupported",
      `Cannot open ${url}: found ${url.protocol}, expected http:, https: or file:`,
    );
  }
  return await openFile(url ?? `${source}`);
}

/** A URL, or undefined for a path. The disguises `hxxp` and `hxxps` are read as http and https. */
function asUrl(source: string | URL): URL | undefined {
  if (source instanceof URL) return source;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source)
    ? new URL(source.replace(/^hxxp(s?):/i, "http$1:"))
    : undefined;
}

function openBytes(bytes: Uint8Array): Made {
  const from = (at: number) =>
    streamOf(at < bytes.length ? [bytes.subarray(at)] : []) as ReadableStream<
      Uint8Array
    >;
  const reopen: Reopen = (at) => Promise.resolve({ stream: from(at), at });
  return { first: from(0), size: bytes.length, reopen };
}

function broken(url: URL, position: number, cause: unknown): EcdcError {
  const why = cause instanceof Error ? cause.message : `${cause}`;
  return new EcdcError(
    "unreachable",
    `Cannot read on: the connection to ${url.host} broke at byte ${position} (${why})`,
    { cause },
  );
}

function unresumed(url: URL, position: number): EcdcError {
  return new EcdcError(
    "unsupported",
    `Cannot read on: ${url.host} does not send the rest of what broke at byte ${position}`,
  );
}

function unreachable(what: string | URL, why: string, cause?: unknown): EcdcError {
  return new EcdcError("unreachable", `Cannot open ${what}: ${why}`, { cause });
}

async function openFile(path: string | URL): Promise<Made> {
  const open = async (from: number): Promise<Opened> => {
    const file = await Deno.open(path);
    if (from > 0) await file.seek(from, Deno.SeekMode.Start);
    return { stream: file.readable, at: from };
  };
  try {
    const { isFile, size } = await Deno.stat(path);
    const { stream } = await open(0);
    return isFile ? { first: stream, size, reopen: open } : { first: stream };
  } catch (error) {
    throw unreachable(path, error instanceof Error ? error.message : `${error}`, error);
  }
}

async function request(url: URL, range: string | undefined, clock: Clock, signal?: AbortSignal) {
  const headers: Record<string, string> = range ? { range } : {};
  try {
    return await unlessStalled(clock, signal, (either) => fetch(url, { headers, signal: either }));
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable(url, error instanceof Error ? error.message : `${error}`, error);
  }
}

/** The position of a partial response's first byte, and the size, from `Content-Range: bytes 5-9/20`. */
function rangeOf(response: Response): { at: number; size: number | undefined } {
  const found = /^bytes (\d+)-(?:\d+\/(\d+))?/.exec(response.headers.get("content-range") ?? "");
  return { at: Number(found?.[1] ?? 0), size: found?.[2] ? Number(found[2]) : undefined };
}

/** The size of a whole response. */
function sizeOf({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  return length !== null && !headers.has("content-encoding") ? Number(length) : undefined;
}

/** Refuses the rest of a file that is no longer the one of which the start was read. */
async function checkSame(url: URL, first: Response, later: Response): Promise<void> {
  const size = later.status === 206 ? rangeOf(later).size : sizeOf(later);
  const tag = (response: Response) => response.headers.get("etag");
  const isOther = (a?: string | number | null, b?: string | number | null) =>
    (a ?? b ?? 0) !== (b ?? a ?? 0);
  if (!isOther(sizeOf(first), size) && !isOther(tag(first), tag(later))) return;
  await later.body?.cancel();
  throw new EcdcError("unsupported", `Cannot read on: ${url} changed while it was read`);
}

const EMPTY = (): ReadableStream<Uint8Array> => new Blob([]).stream();

async function openUrl(url: URL, clock: Clock, signal?: AbortSignal): Promise<Made> {
  const response = await request(url, undefined, clock, signal);
  const reopen: Reopen = async (from, to) => {
    const range = `bytes=${from}-${to === undefined ? "" : to - 1}`;
    const later = await request(url, range, clock, signal);
    // A server's way to say that the position is past the end.
    if (later.status === 416) {
      await later.body?.cancel();
      return { stream: EMPTY(), at: from };
    }
    const stream = await bodyOf(url, later);
    await checkSame(url, response, later);
    return later.status === 206 ? { stream, at: rangeOf(later).at, end: to } : { stream, at: 0 };
  };
  return { first: await bodyOf(url, response), size: sizeOf(response), reopen, url };
}

async function bodyOf(url: URL, response: Response): Promise<ReadableStream<Uint8Array>> {
  if (response.ok) return response.body ?? EMPTY();
  await response.body?.cancel();
  throw unreachable(url, `the server responded ${response.status} ${response.statusText}`);
}
