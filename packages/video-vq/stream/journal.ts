/**
 * Received messages kept in a file, one after the other in their envelopes. A receiver with a
 * journal can be killed at any moment: what it had received is replayed, what it had not accepted
 * is sent again, and each window counts once. At 3 kB per window an hour of video takes 15 MB.
 *
 * @module
 */
import {
  decodeMessage,
  encodeMessage,
  ENVELOPE_SIZE,
  type Message,
  payloadLength,
} from "@vcs/transport/message";
import { TransportError } from "@vcs/transport/errors";
import { writeAll } from "@vcs/transport/internal";
import { VideoVqError } from "../errors.ts";

/** Longest payload that is read back. */
const MAX_PAYLOAD = 16 * 1024 * 1024;
/** What every message begins with. */
const MAGIC = "VCSM";

/** A file of messages. */
export class WindowJournal implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #end = 0;
  #appended: Promise<void> = Promise.resolve();

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /** Opens a journal; creates an empty one if there is none. */
  static async open(path: string): Promise<WindowJournal> {
    const options = { read: true, write: true, create: true };
    return new WindowJournal(path, await Deno.open(path, options));
  }

  /**
   * Reads all messages, and truncates what a killed writer left unfinished after them. Must be read
   * to its end before anything is appended.
   *
   * @throws {VideoVqError} `bad-journal` if bytes are damaged, or the file is not a journal; it is
   * not truncated then.
   */
  async *messages(): AsyncGenerator<Message> {
    yield* this.#complete();
    await this.#file.truncate(this.#end);
  }

  async *#complete(): AsyncGenerator<Message> {
    const { size } = await this.#file.stat();
    for (let next = await this.#read(size); next; next = await this.#read(size)) {
      this.#end += next.bytes;
      yield next.message;
    }
  }

  /**
   * Reads a journal that may be growing, without changing it.
   *
   * @throws {VideoVqError} `bad-journal`, as {@linkcode WindowJournal.messages} does.
   */
  static async *read(path: string): AsyncGenerator<Message> {
    using journal = new WindowJournal(path, await Deno.open(path, { read: true }));
    yield* journal.#complete();
  }

  /** Appends a message; it is on the disk when the promise is fulfilled. */
  append(message: Message): Promise<void> {
    const appended = this.#appended.then(() => this.#write(encodeMessage(message)));
    this.#appended = appended.catch(() => {}); // the caller gets the error; the next message takes its place
    return appended;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#file.seek(this.#end, Deno.SeekMode.Start);
    await writeAll(this.#file, bytes);
    await this.#file.syncData();
    await this.#checkThere();
    this.#end += bytes.length;
  }

  /** A file without a name goes on taking bytes, and nobody will ever read them. */
  async #checkThere(): Promise<void> {
    if ((await this.#file.stat()).nlink !== 0) return;
    throw new VideoVqError("bad-journal", `Cannot write journal ${this.#path}: it was removed`);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** The message after those read so far; undefined if there is none, or only part of one. */
  async #read(size: number): Promise<{ message: Message; bytes: number } | undefined> {
    const left = size - this.#end;
    try {
      const head = await this.#bytes(Math.min(left, ENVELOPE_SIZE));
      const payload = head.length < ENVELOPE_SIZE ? 0 : payloadLength(head, MAX_PAYLOAD);
      if (ENVELOPE_SIZE + payload > left) {
        this.#checkUnfinished(await this.#bytes(left));
        return undefined;
      }
      const bytes = await this.#bytes(ENVELOPE_SIZE + payload);
      return { message: decodeMessage(bytes, MAX_PAYLOAD), bytes: bytes.length };
    } catch (error) {
      throw error instanceof TransportError ? this.#bad(error.message, error) : error;
    }
  }

  /** What a killed writer leaves begins like a message, and contains no other. */
  #checkUnfinished(bytes: Uint8Array): void {
    const text = new TextDecoder("latin1").decode(bytes);
    if (!text.startsWith(MAGIC.slice(0, text.length)) || text.includes(MAGIC, 1)) {
      throw this.#bad(`${bytes.length} bytes are not one unfinished message`);
    }
  }

  #bad(found: string, cause?: Error): VideoVqError {
    return new VideoVqError(
      "bad-journal",
      `Cannot read journal ${this.#path}: found no message at byte ${this.#end} (${found}), expected complete messages; the file was not changed`,
      { cause },
    );
  }

  async #bytes(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    await this.#file.seek(this.#end, Deno.SeekMode.Start);
    for (let at = 0; at < length;) {
      const read = await this.#file.read(bytes.subarray(at));
      if (read === null) {
        throw new Deno.errors.UnexpectedEof(`Cannot read a journal: it ends early`);
      }
      at += read;
    }
    return bytes;
  }
}
