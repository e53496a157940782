/**
 * The whole of a batch: output, settings, lock, failures, the run, and the manifest at its end.
 *
 * @module
 */
import { join } from "node:path";
import { UsageError } from "../command/usage_error.ts";
import { TransportError } from "../errors.ts";
import { Failures } from "./failures.ts";
import { type Manifest, writeManifest } from "./output/manifest.ts";
import type { OutputStore } from "./output/output_store.ts";
import type { BatchOptions, BatchWork } from "./batch.ts";
import { type BatchItem, type BatchRecord, isStored, type RecordEncoder } from "./record.ts";
import { RecordFiles, safetensorsFile } from "./output/record_files.ts";
import { type BatchResult, runBatch } from "./run.ts";
import { keepSettings } from "./settings.ts";
import { type BatchOutput, type ShardFormat, Shards } from "./output/shards.ts";
import { isInSplit, type Split, stemOf } from "./split.ts";
import { fetchStored, openStore } from "./output/stores.ts";
import { BatchTally } from "./summary.ts";

/** Bytes of records at which a shard is full. */
const SHARD_BYTES: number = 256 << 20;

/** Works on items; see `batch`. */
export async function* workThrough(
  work: BatchWork,
  options: BatchOptions,
): AsyncGenerator<BatchResult, Manifest | undefined> {
  const { split, format = "files", shardBytes = SHARD_BYTES, maxFailures = Infinity } = options;
  const { jobs = work.jobs, signal = new AbortController().signal } = options;
  const stem = stemOf(split);
  const store = await openStore(options.output);
  // A part is what it is among so many: with another number its items would come twice, or never.
  const settings = { ...work.settings, format, shard: split ? `I/${split.count}` : null };
  await keepSettings(store, settings);
  using _lock = await lockOutput(store, stem);
  const failuresName = `failures${stem.slice("shard".length)}.jsonl`;
  using failures = await Failures.open(store, failuresName, options.retryFailed ?? false);
  const encode = work.encodeFile ?? safetensorsFile;
  await using output = await openOutput(store, { stem, format, shardBytes, encode });
  const counted = new PartOf(options.items, split);
  const tally = new BatchTally();
  const run = (item: BatchItem, signal: AbortSignal) => runItem(work, item, { store, signal });
  try {
    for await (
      const result of runBatch({ items: counted, work: run, output, failures, jobs, signal })
    ) {
      tally.add(result);
      yield result;
      if (result.state === "failed" && tally.failed > maxFailures) {
        throw tooMany(result, maxFailures);
      }
    }
  } finally {
    await failures.finish();
  }
  if (signal.aborted) return undefined;
  const manifest: Manifest = {
    ...{ versions: work.versions, settings, ...(split && { split }) },
    counts: {
      ...{ listed: counted.listed, items: tally.items, repeated: tally.repeated },
      ...{ records: tally.records, failed: tally.failed + tally.failedBefore },
    },
    failures: Object.fromEntries(failures.counts),
    files: await output.finish(),
  };
  await writeManifest(store, stem, manifest);
  return manifest;
}

/** Makes the record of an item; what lies in a store is fetched for work that cannot read it there. */
export async function runItem(
  work: BatchWork,
  item: BatchItem,
  { store, signal }: { readonly store: OutputStore; readonly signal: AbortSignal },
): Promise<BatchRecord> {
  if (work.readsStores || !isStored(item.source)) return await work.run(item, signal);
  await using file = await fetchStored(item.source, { folder: store.workFolder, signal });
  return await work.run({ ...item, source: file.path }, signal);
}

/** The end of a batch some more of whose items failed than may. */
export function tooMany(
  { key, failure }: Extract<BatchResult, { state: "failed" }>,
  most: number,
): TransportError {
  return new TransportError(
    "limit",
    `Cannot go on: found ${most + 1} failures, expected ${most} at most; the last: ${key}: ` +
      failure.message,
  );
}

/** Items of a part; counts those of all. */
class PartOf implements AsyncIterable<BatchItem> {
  listed = 0;
  readonly #items: AsyncIterable<BatchItem>;
  readonly #split: Split | undefined;

  constructor(items: AsyncIterable<BatchItem>, split: Split | undefined) {
    this.#items = items;
    this.#split = split;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BatchItem> {
    for await (const item of this.#items) {
      this.listed++;
      if (this.#split === undefined || isInSplit(item.key, this.#split)) yield item;
    }
  }
}

/** Keeps other processes from the same part of an output, until this one ends. */
async function lockOutput({ name, workFolder }: OutputStore, stem: string): Promise<Disposable> {
  const file = await Deno.open(join(workFolder, `${stem}.lock`), { write: true, create: true });
  if (await file.tryLock(true)) return file;
  file.close();
  throw new UsageError(`Cannot write ${name}: another process works on it`);
}

async function openOutput(
  store: OutputStore,
  { stem, format, shardBytes, encode }: {
    readonly stem: string;
    readonly format: "files" | ShardFormat;
    readonly shardBytes: number;
    readonly encode: RecordEncoder;
  },
): Promise<BatchOutput> {
  if (format === "files") return await RecordFiles.open(store, stem, encode);
  return await Shards.open(store, { stem, format, shardBytes });
}
