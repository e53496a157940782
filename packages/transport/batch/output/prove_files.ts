/**
 * Proves that the files of an output are there, as they were written: name and size of each, against
 * one listing of the store, and the SHA-256 where that is asked for.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { UsageError } from "../../command/usage_error.ts";
import { lines } from "../items.ts";
import { KeySet } from "../key_set.ts";
import type { OutputStore, StoredFile } from "./output_store.ts";
import type { ShardSummary } from "./shards.ts";

/** What must be there. */
export type ExpectedFile = Pick<ShardSummary, "name" | "bytes" | "sha256">;

/** How an output is merged. */
export interface MergeOptions {
  /** Whether all files are read, and their SHA-256 compared. Default: names and sizes alone. */
  readonly verify?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Called with how much is done, of how much. */
  readonly onProgress?: (done: number, total: number, what: "jobs" | "files") => void;
}

/** The index of an output with a file for each record. */
const INDEX = /^index(-\d+-of-\d+)?\.jsonl$/;

/** Why an output cannot be merged. */
export function cannotMerge({ name }: OutputStore, what: string): UsageError {
  return new UsageError(`Cannot merge ${name}: ${what}`);
}

/**
 * Proves that files are there; of each it holds 32 to 64 bytes.
 *
 * @param total how many there are
 * @throws {UsageError} for the first one that is not.
 */
export async function proveFiles(
  store: OutputStore,
  files: AsyncIterable<ExpectedFile>,
  { verify = false, signal, onProgress, total }: MergeOptions & { readonly total: number },
): Promise<void> {
  const there = new KeySet();
  for await (const file of store.all()) {
    signal?.throwIfAborted();
    there.add(sized(file));
  }
  let done = 0;
  for await (const file of files) {
    signal?.throwIfAborted();
    if (!there.has(sized(file))) throw await notThere(store, file);
    if (verify) await proveHash(store, file, signal);
    onProgress?.(++done, total, "files");
  }
}

function sized({ name, bytes }: StoredFile): string {
  return `${bytes} ${name}`;
}

async function notThere(store: OutputStore, { name, bytes }: StoredFile): Promise<UsageError> {
  for await (const file of store.all()) {
    if (file.name !== name) continue;
    return cannotMerge(store, `found ${file.bytes} bytes in ${name}, expected ${bytes}`);
  }
  return cannotMerge(store, `found no ${name}, expected ${bytes} bytes`);
}

async function proveHash(
  store: OutputStore,
  { name, sha256 }: ExpectedFile,
  signal?: AbortSignal,
): Promise<void> {
  const hash = createHash("sha256");
  for await (const bytes of await store.stream(name) ?? []) {
    signal?.throwIfAborted();
    hash.update(bytes);
  }
  if (hash.digest("hex") === sha256) return;
  throw cannotMerge(store, `found another SHA-256 of ${name}, expected ${sha256}`);
}

/**
 * The files of manifests: each that they name and, where that is an index, those that are in it. An
 * index is read for this, and so its SHA-256 is compared in any case.
 */
export async function* filesOf(
  store: OutputStore,
  named: readonly ShardSummary[],
): AsyncGenerator<ExpectedFile> {
  for (const file of named) {
    yield file;
    if (!INDEX.test(file.name)) continue;
    await proveHash(store, file);
    for await (const line of lines(await store.stream(file.name) ?? [])) yield JSON.parse(line);
  }
}

/** How many files `filesOf` gives. */
export function countOf(named: readonly ShardSummary[]): number {
  return named.reduce((sum, { name, records }) => sum + 1 + (INDEX.test(name) ? records : 0), 0);
}
