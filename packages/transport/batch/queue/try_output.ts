/**
 * Where the records of one try of a job go: files with names that no other try has.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { OpenShard } from "../output/open_shard.ts";
import type { OutputStore } from "../output/output_store.ts";
import { sealShard, SHARD_FORMS, type ShardFormat } from "../output/shards.ts";
import type { BatchRecord, RecordEncoder } from "../record.ts";
import type { PlanFormat } from "./plan.ts";
import type { JobFile } from "./reports.ts";

/** Where the records of a try go. */
export interface TryOutput extends AsyncDisposable {
  /** Adds a record. */
  write(key: string, record: BatchRecord): Promise<void>;
  /** Puts all in its place; gives the files. */
  finish(): Promise<readonly JobFile[]>;
}

/** Opens the output of a try. */
export async function openTry(
  store: OutputStore,
  { job, attempt, format, encode }: {
    readonly job: string;
    readonly attempt: string;
    readonly format: PlanFormat;
    readonly encode: RecordEncoder;
  },
): Promise<TryOutput> {
  if (format === "files") return new FileTry(store, attempt, encode);
  const shard = await OpenShard.open(join(store.workFolder, `shard-${job}-${attempt}`));
  return new ShardTry(store, shard, format);
}

/** A file for each record. */
class FileTry implements TryOutput {
  readonly #store: OutputStore;
  readonly #attempt: string;
  readonly #encode: RecordEncoder;
  readonly #files: JobFile[] = [];

  constructor(store: OutputStore, attempt: string, encode: RecordEncoder) {
    this.#store = store;
    this.#attempt = attempt;
    this.#encode = encode;
  }

  async write(key: string, record: BatchRecord): Promise<void> {
    const { extension, bytes } = await this.#encode(record);
    const name = `${key}.${this.#attempt}.${extension}`;
    await this.#store.write(name, bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    this.#files.push({ name, bytes: bytes.length, sha256, records: 1, keys: [key] });
  }

  finish(): Promise<readonly JobFile[]> {
    return Promise.resolve(this.#files);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** One shard. */
class ShardTry implements TryOutput {
  readonly #store: OutputStore;
  readonly #format: ShardFormat;
  #shard: OpenShard | undefined;

  constructor(store: OutputStore, shard: OpenShard, format: ShardFormat) {
    this.#store = store;
    this.#shard = shard;
    this.#format = format;
  }

  async write(key: string, record: BatchRecord): Promise<void> {
    await this.#shard!.append(key, SHARD_FORMS[this.#format].encode(key, record));
  }

  async finish(): Promise<readonly JobFile[]> {
    const shard = this.#shard!;
    if (shard.entries.length === 0) return [];
    const summary = await sealShard(this.#store, shard, SHARD_FORMS[this.#format]);
    return [{ ...summary, keys: shard.entries.map(({ key }) => key) }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shard?.remove();
    this.#shard = undefined;
  }
}
