/**
 * Lets FFmpeg in process read a file elsewhere through its mirror.
 *
 * @module
 */
import { onAbort } from "@vcs/transport/internal";
import type { RangeMirror } from "./range_mirror.ts";
import { AV, type AvIoContext, type NodeAv } from "../ffmpeg/node_av.ts";

/** Bytes that FFmpeg asks for at a time. */
const BUFFER_BYTES = 32 * 1024;

/** FFmpeg's words for places that are counted from, and for the question how long the file is. */
const [CURRENT, END, SIZE] = [1, 2, 0x10000];

/** FFmpeg's "input/output error". */
const FAILED = -5;

/**
 * A mirror as one input of FFmpeg reads it, from threads of FFmpeg's own: only calls that do not
 * hold up this one may be made on the input.
 */
export class MirrorReader implements Disposable {
  /** What the input reads through. */
  readonly context: AvIoContext;
  readonly #mirror: RangeMirror;
  readonly #ends = new AbortController();
  readonly #aborting: Disposable;
  #position = 0;
  #fault: unknown;

  /** Begins at the start of the file; the signal ends it. */
  constructor(av: NodeAv, mirror: RangeMirror, signal: AbortSignal | undefined) {
    this.#mirror = mirror;
    this.#aborting = onAbort(signal, () => this.#ends.abort(signal?.reason));
    this.context = new av.IOContext();
    const seek = (offset: bigint, whence: number) => BigInt(this.#seek(Number(offset), whence));
    this.context.allocContextWithCallbacks(BUFFER_BYTES, 0, (n) => this.#read(n), null, seek);
  }

  /** The next bytes, or an error's number. */
  async #read(size: number): Promise<Uint8Array | number> {
    try {
      this.#ends.signal.throwIfAborted();
      const bytes = await this.#mirror.read(this.#position, size, this.#ends.signal);
      this.#position += bytes.length;
      return bytes.length > 0 ? bytes : AV.EOF;
    } catch (error) {
      this.#fault ??= error;
      return FAILED;
    }
  }

  /** Goes to a place and gives it; or the size of the file. */
  #seek(offset: number, whence: number): number {
    if (whence & SIZE) return this.#mirror.size;
    const from = whence & CURRENT ? this.#position : whence & END ? this.#mirror.size : 0;
    return this.#position = Math.max(0, from + offset);
  }

  /** Throws why reading failed, which FFmpeg may take for the end of the file. */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Ends a read that waits, and those that follow. */
  stop(): void {
    this.#ends.abort();
  }

  /** Frees the memory, after the input is closed. */
  [Symbol.dispose](): void {
    this.#aborting[Symbol.dispose]();
    this.context.freeContext();
  }
}
