/**
 * A shard that grows: its records, one behind the other, and beside it a journal of where each ends.
 * After a kill both are cut back to the last record that is whole in both.
 *
 * @module
 */
import { crc32 } from "../../formats/crc32.ts";
import { writeAll } from "../../io/write_all.ts";
import { Journal } from "./journal.ts";
import { ignoreMissing } from "./output_store.ts";

/** A record in a shard that grows. */
export interface ShardEntry {
  /** Key of its item. */
  readonly key: string;
  /** Byte behind its last one. */
  readonly end: number;
  /** CRC-32 of its bytes. */
  readonly crc: number;
}

/** A shard that grows. */
export class OpenShard implements Disposable {
  /** Where its records are. */
  readonly path: string;
  /** Its records, in their order. */
  readonly entries: ShardEntry[];
  readonly #file: Deno.FsFile;
  readonly #journal: Journal<ShardEntry>;

  private constructor(
    path: string,
    file: Deno.FsFile,
    journal: Journal<ShardEntry>,
    entries: ShardEntry[],
  ) {
    this.path = path;
    this.#file = file;
    this.#journal = journal;
    this.entries = entries;
  }

  /** Opens a shard, with the records that are in it. */
  static async open(path: string): Promise<OpenShard> {
    const found: ShardEntry[] = [];
    const journalPath = `${path}.jsonl`;
    (await Journal.open<ShardEntry>(journalPath, (entry) => found.push(entry)))[Symbol.dispose]();
    const file = await Deno.open(path, { read: true, write: true, create: true });
    const entries = await wholeEntries(file, found);
    const end = entries.at(-1)?.end ?? 0;
    await file.truncate(end);
    await file.seek(end, Deno.SeekMode.Start);
    const journal = await rewritten(journalPath, entries, found.length);
    return new OpenShard(path, file, journal, entries);
  }

  /** Bytes of its records. */
  get bytes(): number {
    return this.entries.at(-1)?.end ?? 0;
  }

  /** Appends a record: it counts when its line is in the journal. */
  async append(key: string, bytes: Uint8Array): Promise<void> {
    await writeAll(this.#file, bytes);
    const entry = { key, end: this.bytes + bytes.length, crc: crc32(bytes) };
    await this.#journal.append(entry);
    this.entries.push(entry);
  }

  /** The bytes of each record. */
  async *records(): AsyncGenerator<readonly [key: string, bytes: Uint8Array<ArrayBuffer>]> {
    let start = 0;
    for (const { key, end } of this.entries) {
      yield [key, await readAt(this.#file, start, end - start)];
      start = end;
    }
    await this.#file.seek(start, Deno.SeekMode.Start);
  }

  /** Removes the shard and its journal, after what it was for is done. */
  async remove(): Promise<void> {
    this[Symbol.dispose]();
    // The journal goes last: without it, records that are there would be unknown.
    await Deno.remove(this.path).catch(ignoreMissing);
    await Deno.remove(`${this.path}.jsonl`);
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.#file.close();
    this.#journal[Symbol.dispose]();
  }
}

async function readAt(
  file: Deno.FsFile,
  start: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await file.seek(start, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) return bytes.subarray(0, at);
    at += count;
  }
  return bytes;
}

/** The entries whose records are whole in the file: after a power cut it may have fewer. */
async function wholeEntries(
  file: Deno.FsFile,
  entries: readonly ShardEntry[],
): Promise<ShardEntry[]> {
  let start = 0;
  const whole: ShardEntry[] = [];
  for (const entry of entries) {
    const bytes = await readAt(file, start, entry.end - start);
    if (bytes.length !== entry.end - start || crc32(bytes) !== entry.crc) break;
    whole.push(entry);
    start = entry.end;
  }
  return whole;
}

/** The journal of these entries, which are the first of those that are in it. */
async function rewritten(
  path: string,
  entries: readonly ShardEntry[],
  found: number,
): Promise<Journal<ShardEntry>> {
  if (entries.length < found) {
    const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    await Deno.writeTextFile(`${path}.part`, lines);
    await Deno.rename(`${path}.part`, path);
  }
  return await Journal.open<ShardEntry>(path, () => {});
}
