/**
 * Messages kept in a file as they came, one after the other in their envelopes. A receiver that
 * keeps a journal can be killed at any moment: what it had is read back from there, what it had
 * not accepted comes again, and each window counts once. At 3 kB a window an hour of video takes
 * 15 MB.
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

/** Longest payload that is read back. */
const MAX_PAYLOAD = 16 * 1024 * 1024;

/** A file of messages. */
export class WindowJournal implements Disposable {
  readonly #file: Deno.FsFile;
  #end = 0;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Opens a journal; makes an empty one where there is none. */
  static async open(path: string): Promise<WindowJournal> {
    return new WindowJournal(await Deno.open(path, { read: true, write: true, create: true }));
  }

  /**
   * Reads the messages that are there, and cuts off what a killed writer left unfinished behind
   * them. Must be read to its end before anything is appended.
   */
  async *messages(): AsyncGenerator<Message> {
    yield* this.#whole();
    await this.#file.truncate(this.#end);
  }

  async *#whole(): AsyncGenerator<Message> {
    const { size } = await this.#file.stat();
    for (let next = await this.#read(size); next; next = await this.#read(size)) {
      this.#end += next.bytes;
      yield next.message;
    }
  }

  /** Reads a journal that may be growing, without changing it. */
  static async *read(path: string): AsyncGenerator<Message> {
    using journal = new WindowJournal(await Deno.open(path, { read: true }));
    yield* journal.#whole();
  }

  /** Adds a message; it is on the disk when the promise is fulfilled. */
  async append(message: Message): Promise<void> {
    const bytes = encodeMessage(message);
    await this.#file.seek(this.#end, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    await this.#file.syncData();
    this.#end += bytes.length;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** The message at the end of what was read; undefined where there is none that is whole. */
  async #read(size: number): Promise<{ message: Message; bytes: number } | undefined> {
    if (size - this.#end < ENVELOPE_SIZE) return undefined;
    try {
      const length = payloadLength(await this.#bytes(ENVELOPE_SIZE), MAX_PAYLOAD);
      if (size - this.#end < ENVELOPE_SIZE + length) return undefined;
      const bytes = await this.#bytes(ENVELOPE_SIZE + length);
      return { message: decodeMessage(bytes, MAX_PAYLOAD), bytes: bytes.length };
    } catch (error) {
      if (error instanceof TransportError) return undefined;
      throw error;
    }
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
