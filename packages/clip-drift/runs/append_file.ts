/**
 * A file that only grows, line by line. What could be written only in part is removed again, so that
 * the next line begins where a line should.
 *
 * @module
 */
import { writeAll } from "@vcs/transport/internal";

/** A file that only grows. */
export class AppendFile implements AsyncDisposable {
  readonly #file: Deno.FsFile;
  #size = 0;
  #isDamaged = false;
  #last: Promise<void> = Promise.resolve();

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Makes a new file with a first line; an existing one is emptied. */
  static async create(path: string, head = ""): Promise<AppendFile> {
    const file = new AppendFile(
      await Deno.open(path, { write: true, create: true, truncate: true }),
    );
    await file.append(head);
    return file;
  }

  /**
   * Adds text, after what was added before.
   *
   * @throws {Deno.errors} of the system, for example if the disk is full
   */
  append(text: string): Promise<void> {
    const done = this.#last.then(() => this.#write(text));
    this.#last = done.catch(() => {});
    return done;
  }

  async #write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    if (this.#isDamaged) await this.#rollBack();
    this.#isDamaged = true;
    try {
      await writeAll(this.#file, bytes);
    } catch (error) {
      await this.#rollBack().catch(() => {});
      throw error;
    }
    this.#isDamaged = false;
    this.#size += bytes.length;
  }

  async #rollBack(): Promise<void> {
    await this.#file.truncate(this.#size);
    await this.#file.seek(this.#size, Deno.SeekMode.Start);
    this.#isDamaged = false;
  }

  /** Closes the file once all is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    this.#file.close();
  }
}
