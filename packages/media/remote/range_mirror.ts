/**
 * A file elsewhere as a file here with holes, which are filled as their bytes are read.
 *
 * @module
 */
import { TransportError } from "@vcs/transport/errors";
import type { RemoteFile } from "@vcs/transport/internal";
import { MediaError } from "../errors.ts";
import type { Cues } from "./matroska_cues.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A block is about this part of the file, so that blocks that are read in part cost little. */
const BLOCKS = 2048;

/** Bytes of the smallest block, and of the largest. */
const BLOCK_BYTES = [16 << 10, 256 << 10] as const;

/** Most bytes of one request. */
const REQUEST_BYTES = 4 << 20;

/** Most bytes of a file: more than any film has, and few enough blocks to keep count of. */
const MOST_BYTES = 2 ** 42;

/** An error of a file that is read by ranges, as those of downloads are. */
export function remoteFailure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (!(error instanceof TransportError)) return error;
  if (error.code === "missing") return new Deno.errors.NotFound(error.message);
  return new MediaError("download-failed", error.message, { cause: error });
}

/** The bytes of a file elsewhere, each fetched once, when it is first read. */
export class RangeMirror implements AsyncDisposable {
  /** The file here; what was not read is zeros. */
  readonly path: string;
  /** The file elsewhere. */
  readonly remote: RemoteFile;
  /** Why all of it was fetched; undefined where that is not so. */
  whole: string | undefined;
  /** Its key frames, where it lists them alone. */
  cues: Cues | undefined;
  readonly #file: Deno.FsFile;
  readonly #block: number;
  readonly #present: Uint8Array;
  #turn: Promise<unknown> = Promise.resolve();
  /** The block behind the last one that was fetched, and blocks to fetch if it is wanted next. */
  #next = -1;
  #ahead = 1;
  #closed = false;

  private constructor(remote: RemoteFile, path: string, file: Deno.FsFile) {
    [this.remote, this.path, this.#file] = [remote, path, file];
    const block = 2 ** Math.floor(Math.log2(Math.max(1, remote.size / BLOCKS)));
    this.#block = Math.min(Math.max(block, BLOCK_BYTES[0]), BLOCK_BYTES[1]);
    this.#present = new Uint8Array(Math.ceil(remote.size / this.#block));
  }

  /**
   * Makes the file here, with nothing in it.
   *
   * @throws {MediaError} `limit` where it claims to be longer than any film
   */
  static async open(remote: RemoteFile): Promise<RangeMirror> {
    const { url, size } = remote;
    if (!(size >= 0 && size <= MOST_BYTES)) {
      const found = `Cannot read ${url}: found ${size} bytes, expected at most ${MOST_BYTES}`;
      throw new MediaError("limit", found);
    }
    const path = await Deno.makeTempFile({ prefix: "vcs-media-" });
    const file = await Deno.open(path, { read: true, write: true });
    const mirror = new RangeMirror(remote, path, file);
    try {
      await file.truncate(size);
    } catch (error) {
      await mirror[Symbol.asyncDispose]();
      throw error;
    }
    return mirror;
  }

  /** Bytes of the file. */
  get size(): number {
    return this.remote.size;
  }

  /** Reads from a position; less at the end of the file. */
  async read(start: number, length: number, signal?: AbortSignal): Promise<Bytes> {
    const end = Math.min(this.size, start + length);
    if (end <= start) return new Uint8Array();
    return await this.#inTurn(async () => {
      await this.#fill(start, end, signal);
      return await this.#stored(start, end);
    });
  }

  /** Fetches what is not there yet of a range. */
  async fetch(start: number, end: number, signal?: AbortSignal): Promise<void> {
    await this.#inTurn(() => this.#fill(start, end, signal));
  }

  /** Fetches all that is not there yet. */
  async complete(reason: string, signal?: AbortSignal): Promise<void> {
    this.whole = reason;
    await this.fetch(0, this.size, signal);
  }

  /** The file has one position: reads and writes take turns. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return await result;
  }

  async #fill(start: number, end: number, signal: AbortSignal | undefined): Promise<void> {
    const last = Math.ceil(end / this.#block);
    for (let from = Math.floor(start / this.#block); from < last;) {
      if (this.#present[from]) from++;
      else from = await this.#fetchFrom(from, last, signal);
    }
  }

  /**
   * Fetches missing blocks that lie side by side; gives the one behind them. What is read on and on is
   * fetched ahead, twice as far each time: each request costs a journey to the server and back.
   */
  async #fetchFrom(from: number, last: number, signal?: AbortSignal): Promise<number> {
    const most = REQUEST_BYTES / this.#block;
    this.#ahead = from === this.#next ? Math.min(most, 2 * this.#ahead) : 1;
    const count = Math.min(most, Math.max(last - from, this.#ahead));
    const limit = Math.min(this.#present.length, from + count);
    let to = from + 1;
    while (to < limit && !this.#present[to]) to++;
    const begin = from * this.#block;
    const end = Math.min(this.size, to * this.#block);
    const bytes = await this.remote.read(begin, end, signal).catch((error) => {
      throw remoteFailure(error, signal);
    });
    await this.#file.seek(begin, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    this.#present.fill(1, from, to);
    this.#next = to;
    return to;
  }

  async #stored(start: number, end: number): Promise<Bytes> {
    const bytes = new Uint8Array(end - start);
    await this.#file.seek(start, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      const count = await this.#file.read(bytes.subarray(at));
      if (count === null) throw new Error(`Cannot read ${this.path}: it became shorter`);
      at += count;
    }
    return bytes;
  }

  /** Removes the file here; reads that have begun are finished first. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#turn;
    this.#file.close();
    await Deno.remove(this.path).catch(() => {});
  }
}
