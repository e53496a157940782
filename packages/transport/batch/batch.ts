/**
 * A batch: many items in, their records into a folder or a bucket, each once. A run that is killed is
 * gone on with by the same call.
 *
 * @module
 */
import type { Manifest } from "./output/manifest.ts";
import type { BatchItem, BatchRecord, RecordEncoder } from "./record.ts";
import type { BatchResult } from "./run.ts";
import type { BatchSettings } from "./settings.ts";
import type { Split } from "./split.ts";

/** What makes a record of an item. */
export interface BatchWork extends AsyncDisposable {
  /** What the records depend on, by the keys of options. */
  readonly settings: BatchSettings;
  /** Versions of what makes them. */
  readonly versions: Readonly<Record<string, string>>;
  /** Items at once that are worth it. */
  readonly jobs: number;
  /** Makes the record of an item; what it throws is a failure of the item. */
  run(item: BatchItem, signal: AbortSignal): Promise<BatchRecord>;
  /** A record as a file of its own. Default: safetensors, with the fields as metadata. */
  readonly encodeFile?: RecordEncoder;
  /** Whether it reads objects of stores by itself, as far as it needs them. Default: they are fetched for it. */
  readonly readsStores?: boolean;
  /** Whether items share a model, of which each process would open its own. Default: false. */
  readonly sharesModel?: boolean;
}

/** Forms of an output. */
export const BATCH_FORMATS = ["files", "webdataset", "parquet"] as const;

/** What a batch is told besides its work. */
export interface BatchOptions {
  /** What to work on. */
  readonly items: AsyncIterable<BatchItem>;
  /** A folder, or `s3://bucket/prefix`. */
  readonly output: string;
  /** One file an item, or shards. Default: files. */
  readonly format?: "files" | "webdataset" | "parquet";
  /** Bytes of records at which a shard is full. Default: 256 MiB. */
  readonly shardBytes?: number;
  /** Items at once. Default: as many as the work says. */
  readonly jobs?: number;
  /** Failures that do not end the batch. Default: any number. */
  readonly maxFailures?: number;
  /** Whether items that failed in past runs are tried again. Default: false. */
  readonly retryFailed?: boolean;
  /** The part of the items to work on. Default: all. */
  readonly split?: Split | undefined;
  /** Ends the batch in order. */
  readonly signal?: AbortSignal;
}

/**
 * Works on items; gives what became of each, in their order, and at the end the manifest. Where the
 * signal is aborted it ends early and gives none: the next call with the same output goes on.
 *
 * @throws {UsageError} where the output was begun with other settings, or is in use.
 * @throws {TransportError} `limit`: more items failed than may.
 *
 * @example The lengths of texts, in a table
 * ```ts
 * import { batch, listItems, tensor } from "@vcs/transport";
 * import assert from "node:assert/strict";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/one.txt`, "four");
 * const work = {
 *   settings: { command: "lengths" },
 *   versions: { lengths: "1.0.0" },
 *   jobs: 4,
 *   async run({ source }: { source: string }) {
 *     const { length } = await Deno.readTextFile(source);
 *     return { tensors: { length: tensor("I32", [1], Int32Array.of(length)) }, fields: {} };
 *   },
 *   [Symbol.asyncDispose]: () => Promise.resolve(),
 * };
 * const items = listItems([folder], { include: ["*.txt"] });
 * const output = `${folder}/out`;
 * for await (const { key, state } of batch(work, { items, output, format: "webdataset" })) {
 *   assert.deepEqual([key, state], ["one.txt", "done"]);
 * }
 * await Deno.stat(`${output}/shard-00000.tar`);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function* batch(
  work: BatchWork,
  options: BatchOptions,
): AsyncGenerator<BatchResult, Manifest | undefined> {
  const { workThrough } = await import("./work_through.ts");
  return yield* workThrough(work, options);
}
