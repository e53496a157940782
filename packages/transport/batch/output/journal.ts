/**
 * A file of JSON lines that grows, and whose last line may be torn where the process was killed.
 *
 * @module
 */
import { writeAll } from "../../io/write_all.ts";

/** A copy of a journal beside it, to be taken over by a store; gives its path. */
export async function copied(path: string): Promise<string> {
  await Deno.copyFile(path, `${path}.part`);
  return `${path}.part`;
}

/** The lines of a journal, read and then continued. */
export class Journal<T> implements Disposable {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Opens a journal; one that is not there begins empty, and a line that was torn is removed.
   *
   * @param onEntry called with each entry that is there
   */
  static async open<T>(path: string, onEntry: (entry: T) => void): Promise<Journal<T>> {
    const file = await Deno.open(path, { read: true, write: true, create: true });
    try {
      const whole = await readEntries(file, onEntry);
      await file.truncate(whole);
      await file.seek(whole, Deno.SeekMode.Start);
      return new Journal(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Appends an entry, which is there for all who read the file from then on. */
  async append(entry: T): Promise<void> {
    await writeAll(this.#file, new TextEncoder().encode(`${JSON.stringify(entry)}\n`));
  }

  /** Writes to the disk what was appended. */
  async sync(): Promise<void> {
    await this.#file.syncData();
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Reads the entries of a file; returns the bytes of those that are whole. */
async function readEntries<T>(file: Deno.FsFile, onEntry: (entry: T) => void): Promise<number> {
  const decoder = new TextDecoder();
  let held: Uint8Array = new Uint8Array(0);
  let whole = 0;
  const buffer = new Uint8Array(1 << 16);
  for (let count = await file.read(buffer); count !== null; count = await file.read(buffer)) {
    const bytes = new Uint8Array(held.length + count);
    bytes.set(held);
    bytes.set(buffer.subarray(0, count), held.length);
    const end = bytes.lastIndexOf(10) + 1;
    const lines = decoder.decode(bytes.subarray(0, end)).split("\n").slice(0, -1);
    // After a power cut the end of a file may be zeros: what comes from there on does not count.
    for (const line of lines) {
      const entry = parsed<T>(line);
      if (entry === undefined) return whole;
      onEntry(entry);
      whole += new TextEncoder().encode(line).length + 1;
    }
    held = bytes.slice(end);
  }
  return whole;
}

function parsed<T>(line: string): T | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
