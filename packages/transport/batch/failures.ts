/**
 * The items that failed, one line each: what a run leaves out, and what `--retry-failed` tries again.
 *
 * @module
 */
import { join } from "node:path";
import { KeySet } from "./key_set.ts";
import { copied, Journal } from "./output/journal.ts";
import type { OutputStore } from "./output/output_store.ts";
import type { ItemFailure } from "./record.ts";

/** A line of the file. */
export interface FailureEntry extends ItemFailure {
  /** Key of the item. */
  readonly key: string;
}

/** Counts one more of a name. */
export function countOne(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The items that failed. */
export class Failures implements Disposable {
  /** Their keys. */
  readonly keys: KeySet = new KeySet();
  /** How many there are of each code. */
  readonly counts: Map<string, number> = new Map();
  readonly #store: OutputStore;
  readonly #name: string;
  #journal: Journal<FailureEntry> | undefined;

  private constructor(store: OutputStore, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /**
   * Opens the file.
   *
   * @param retry whether what failed before is forgotten, and so tried again
   */
  static async open(store: OutputStore, name: string, retry: boolean): Promise<Failures> {
    const failures = new Failures(store, name);
    const path = failures.#path;
    if (retry) await Deno.remove(path).catch(() => {});
    failures.#journal = await Journal.open(path, (entry: FailureEntry) => failures.#note(entry));
    return failures;
  }

  get #path(): string {
    return join(this.#store.workFolder, this.#name);
  }

  #note({ key, code }: FailureEntry): void {
    this.keys.add(key);
    countOne(this.counts, code);
  }

  /** Adds an item. */
  async add(entry: FailureEntry): Promise<void> {
    await this.#journal!.append(entry);
    this.#note(entry);
  }

  /** Makes the file visible in the output. */
  async finish(): Promise<void> {
    await this.#store.take(await copied(this.#path), this.#name);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#journal?.[Symbol.dispose]();
  }
}
