/**
 * What counts of all jobs of a queue, gathered on the disk: an archive has more records than memory
 * need hold.
 *
 * @module
 */
import { join } from "node:path";
import { countOne, type FailureEntry } from "../failures.ts";
import { lines } from "../items.ts";
import { Journal } from "../output/journal.ts";
import type { OutputStore } from "../output/output_store.ts";
import type { ExpectedFile } from "../output/prove_files.ts";
import { takeIndex } from "../output/record_files.ts";
import type { ShardSummary } from "../output/shards.ts";
import { type BatchReceived, receivedInAll } from "../record.ts";
import type { PlanFormat } from "./plan.ts";
import type { JobReport } from "./reports.ts";

/** A line of an index. */
interface IndexEntry extends ExpectedFile {
  readonly key: string | undefined;
}

/** What counts of all jobs. */
export class Counted implements AsyncDisposable {
  /** Records. */
  records = 0;
  /** Items that failed. */
  failed = 0;
  /** Files with records. */
  fileCount = 0;
  /** What was read of sources elsewhere. */
  received: BatchReceived | undefined;
  readonly #store: OutputStore;
  readonly #folder: string;
  readonly #index: Journal<IndexEntry>;
  readonly #failures: Journal<FailureEntry>;
  readonly #codes = new Map<string, number>();
  readonly #versions = new Map<string, Set<string>>();
  /** The shards; of files for single records there is the index. */
  readonly #shards: ShardSummary[] | undefined;

  private constructor(
    store: OutputStore,
    { folder, index, failures, format }: {
      readonly folder: string;
      readonly index: Journal<IndexEntry>;
      readonly failures: Journal<FailureEntry>;
      readonly format: PlanFormat;
    },
  ) {
    this.#store = store;
    this.#folder = folder;
    this.#index = index;
    this.#failures = failures;
    this.#shards = format === "files" ? undefined : [];
  }

  /** Begins with nothing. */
  static async open(store: OutputStore, format: PlanFormat): Promise<Counted> {
    const folder = await Deno.makeTempDir({ dir: store.workFolder, prefix: "merge-" });
    const index = await Journal.open<IndexEntry>(join(folder, "index"), () => {});
    const failures = await Journal.open<FailureEntry>(join(folder, "failures"), () => {});
    return new Counted(store, { folder, index, failures, format });
  }

  /** How many items failed, by code. */
  get failures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#codes);
  }

  /** Versions of what made the records. */
  get versions(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#versions].map(([name, all]) => [name, [...all].join(", ")]),
    );
  }

  /** Adds what became of a job. */
  async add({ files, failures, versions, received }: JobReport): Promise<void> {
    for (const { keys, ...file } of files) {
      this.records += file.records;
      this.fileCount++;
      if (this.#shards) this.#shards.push(file);
      else await this.#index.append(entryOf(keys[0], file));
    }
    for (const failure of failures) {
      this.failed++;
      countOne(this.#codes, failure.code);
      await this.#failures.append(failure);
    }
    for (const [name, version] of Object.entries(versions)) {
      this.#versions.set(name, (this.#versions.get(name) ?? new Set()).add(version));
    }
    this.received = receivedInAll([this.received, received]);
  }

  /** The files with records. */
  async *files(): AsyncGenerator<ExpectedFile> {
    if (this.#shards) return yield* this.#shards;
    const { readable } = await Deno.open(join(this.#folder, "index"));
    for await (const line of lines(readable)) yield JSON.parse(line);
  }

  /** Puts the lists of files and of failures in their places; gives what stands for all files. */
  async finish(): Promise<readonly ShardSummary[]> {
    await this.#store.take(join(this.#folder, "failures"), "failures.jsonl");
    // As a batch without a queue writes it.
    return this.#shards ??
      [await takeIndex(this.#store, join(this.#folder, "index"), "index.jsonl")];
  }

  /** Removes what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#index[Symbol.dispose]();
    this.#failures[Symbol.dispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function entryOf(key: string | undefined, { name, bytes, sha256 }: ShardSummary): IndexEntry {
  return { key, name, bytes, sha256 };
}
