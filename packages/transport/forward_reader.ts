/**
 * Takes exact numbers of bytes from a stream of chunks.
 *
 * @module
 */
import { TransportError } from "./errors.ts";

/** Most that is set aside before the bytes are there: a length may lie. */
const STEP = 1 << 24;

/** A stream read from front to back, in pieces of asked-for lengths. */
export class ForwardReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();

  /** Locks the stream. */
  constructor(stream: ReadableStream<Uint8Array>, private readonly what: string) {
    this.#reader = stream.getReader();
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return false;
      this.#chunk = value;
    }
    return true;
  }

  /**
   * Takes the next bytes, in an array of their own.
   *
   * @throws {TransportError} `truncated`: the stream ends before them
   */
  async take(length: number): Promise<Uint8Array<ArrayBuffer>> {
    let bytes = new Uint8Array(Math.min(length, STEP));
    for (let at = 0; at < length;) {
      if (!(await this.#fill())) {
        throw new TransportError(
          "truncated",
          `Cannot read ${this.what}: it ends ${length - at} bytes too early`,
        );
      }
      if (at === bytes.length) bytes = grown(bytes, Math.min(length, 2 * at));
      const part = this.#chunk.subarray(0, bytes.length - at);
      bytes.set(part, at);
      at += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return bytes;
  }

  /**
   * Makes sure that nothing follows.
   *
   * @throws {TransportError} `format`: something does
   */
  async end(): Promise<void> {
    if (await this.#fill()) {
      throw new TransportError("format", `Cannot read ${this.what}: more bytes behind its end`);
    }
  }

  /** Gives up the rest of the stream. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A stream that failed has told its reader already, and has nothing left to give up.
    await this.#reader.cancel().catch(() => {});
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}
