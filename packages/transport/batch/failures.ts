/**
 * The items that failed, one line each: what a run leaves out, and what `--retry-failed` tries again.
 *
 * @module
 */
import { join } from "node:path";
import { Journal } from "./output/journal.ts";
import type { OutputStore } from "./output/output_store.ts";
import type { ItemFailure } from "./record.ts";

/** A line of the file. */
export interface FailureEntry extends ItemFailure {
  /** Key of the item. */
  readonly key: string;
}

/** The items that failed. */
export class Failures implements Disposable {
  /** Their keys. */
  readonly keys: Set<string>;
  /** How many there are of each code. */
  readonly counts: Map<string, number>;
  readonly #store: OutputStore;
  readonly #name: string;
  readonly #journal: Journal<FailureEntry>;

  private constructor(
    store: OutputStore,
    name: string,
    journal: Journal<FailureEntry>,
    entries: readonly FailureEntry[],
  ) {
    this.#store = store;
    this.#name = name;
    this.#journal = journal;
    this.keys = new Set(entries.map(({ key }) => key));
    this.counts = new Map();
    for (const { code } of entries) this.#count(code);
  }

  /**
   * Opens the file.
   *
   * @param retry whether what failed before is forgotten, and so tried again
   */
  static async open(store: OutputStore, name: string, retry: boolean): Promise<Failures> {
    const path = join(store.workFolder, name);
    if (retry) await Deno.remove(path).catch(() => {});
    const entries: FailureEntry[] = [];
    const journal = await Journal.open<FailureEntry>(path, (entry) => entries.push(entry));
    return new Failures(store, name, journal, entries);
  }

  #count(code: string): void {
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
  }

  /** Adds an item. */
  async add(entry: FailureEntry): Promise<void> {
    await this.#journal.append(entry);
    this.keys.add(entry.key);
    this.#count(entry.code);
  }

  /** Makes the file visible in the output. */
  async finish(): Promise<void> {
    const bytes = await Deno.readFile(join(this.#store.workFolder, this.#name));
    await this.#store.write(this.#name, bytes);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }
}
