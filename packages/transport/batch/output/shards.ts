/**
 * Records gathered into shards: each grows in the work folder, gets its place when it is full, and
 * counts when the description beside it is there. Nothing else is kept between runs.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { sha256Of } from "../../fetch/download.ts";
import { OpenShard } from "./open_shard.ts";
import { ignoreMissing, type OutputStore } from "./output_store.ts";
import { encodeRow, writeParquet } from "./parquet.ts";
import type { BatchRecord } from "../record.ts";
import { encodeTarRecord, TAR_END } from "./tar_records.ts";

/** Kinds of shards. */
export type ShardFormat = "webdataset" | "parquet";

/** What is known of a shard that is whole. */
export interface ShardSummary {
  /** Its file. */
  readonly name: string;
  /** Bytes of the file. */
  readonly bytes: number;
  /** SHA-256 of the file. */
  readonly sha256: string;
  /** Records in it. */
  readonly records: number;
}

/** The file beside a shard that makes it count. */
export interface ShardDescription extends ShardSummary {
  /** Keys of its records, in their order. */
  readonly keys: readonly string[];
}

/** How a format is written. */
export interface ShardForm {
  readonly extension: string;
  encode(key: string, record: BatchRecord): Uint8Array;
  /** Makes the file of a shard that is full; gives its path. */
  seal(shard: OpenShard): Promise<string>;
}

/** The formats of shards. */
export const SHARD_FORMS: Readonly<Record<ShardFormat, ShardForm>> = {
  webdataset: {
    extension: "tar",
    encode: encodeTarRecord,
    async seal({ path, bytes }) {
      using file = await Deno.open(path, { write: true });
      // A shard that was sealed before a kill has its end already, and is not longer for another.
      await file.seek(bytes, Deno.SeekMode.Start);
      await file.write(TAR_END);
      return path;
    },
  },
  parquet: {
    extension: "parquet",
    encode: (_key, record) => encodeRow(record),
    async seal(shard) {
      const path = `${shard.path}.parquet`;
      await writeParquet(path, shard.records());
      return path;
    },
  },
};

/**
 * Puts a shard in its place; gives what it is.
 *
 * @param noted called with what it is before it is in its place
 */
export async function sealShard(
  store: OutputStore,
  shard: OpenShard,
  form: ShardForm,
  noted?: (summary: ShardSummary) => Promise<void>,
): Promise<ShardSummary> {
  const name = `${basename(shard.path)}.${form.extension}`;
  const path = await form.seal(shard);
  const [{ size: bytes }, sha256] = await Promise.all([Deno.stat(path), sha256Of(path)]);
  const summary = { name, bytes, sha256, records: shard.entries.length };
  await noted?.(summary);
  await store.take(path, name);
  return summary;
}

/** Where records go, and what is there. */
export interface BatchOutput extends AsyncDisposable {
  /** Keys that are done. */
  keys(): AsyncIterable<string>;
  /** Adds a record. */
  write(key: string, record: BatchRecord): Promise<void>;
  /** Makes everything visible; gives what is there. */
  finish(): Promise<readonly ShardSummary[]>;
}

/** How shards are written. */
export interface ShardOptions {
  /** Their kind. */
  readonly format: ShardFormat;
  /** Bytes of records at which a shard is full. */
  readonly shardBytes: number;
  /** What their names begin with. */
  readonly stem: string;
}

/** Records gathered into shards. */
export class Shards implements BatchOutput {
  readonly #store: OutputStore;
  readonly #options: ShardOptions;
  readonly #form: ShardForm;
  readonly #whole: ShardSummary[] = [];
  #open: OpenShard | undefined;

  private constructor(store: OutputStore, options: ShardOptions) {
    this.#store = store;
    this.#options = options;
    this.#form = SHARD_FORMS[options.format];
  }

  /** Opens what is there, with the shard that was not full. */
  static async open(store: OutputStore, options: ShardOptions): Promise<Shards> {
    const shards = new Shards(store, options);
    for await (const { keys: _, ...summary } of descriptions(store, options.stem)) {
      shards.#whole.push(summary);
    }
    shards.#whole.sort((a, b) => a.name < b.name ? -1 : 1);
    await shards.#adopt(shards.#whole.length);
    await shards.#forget(shards.#whole.length - 1);
    shards.#open = await OpenShard.open(shards.#pathOf(shards.#whole.length));
    if (shards.#open.bytes >= options.shardBytes) await shards.#seal(shards.#open);
    return shards;
  }

  #nameOf(index: number): string {
    return `${this.#options.stem}-${String(index).padStart(5, "0")}`;
  }

  #pathOf(index: number): string {
    return `${this.#store.workFolder}/${this.#nameOf(index)}`;
  }

  /** Lets a shard count that was in its place already when a kill kept it from being described. */
  async #adopt(index: number): Promise<void> {
    const found = await readDescription(sealedPath(this.#pathOf(index)));
    const bytes = found && await this.#store.read(found.name);
    if (!bytes || createHash("sha256").update(bytes).digest("hex") !== found.sha256) return;
    await this.#describe(this.#nameOf(index), found);
  }

  /** Removes what a kill before the last step of a shard left. */
  async #forget(index: number): Promise<void> {
    if (index < 0) return;
    await (await OpenShard.open(this.#pathOf(index))).remove();
    await Deno.remove(sealedPath(this.#pathOf(index))).catch(ignoreMissing);
  }

  /** Keys of all shards that are whole, and of the one that is not. */
  async *keys(): AsyncGenerator<string> {
    for await (const { keys } of descriptions(this.#store, this.#options.stem)) yield* keys;
    for (const { key } of this.#open?.entries ?? []) yield key;
  }

  /** Adds a record to the shard that grows; a full one gets its place. */
  async write(key: string, record: BatchRecord): Promise<void> {
    this.#open ??= await OpenShard.open(this.#pathOf(this.#whole.length));
    await this.#open.append(key, this.#form.encode(key, record));
    if (this.#open.bytes >= this.#options.shardBytes) await this.#seal(this.#open);
  }

  /** Puts a shard in its place, and then the description that makes it count. */
  async #seal(shard: OpenShard): Promise<void> {
    const stem = basename(shard.path);
    const keys = shard.entries.map(({ key }) => key);
    const sealed = (summary: ShardSummary): ShardDescription => ({ ...summary, keys });
    const summary = await sealShard(
      this.#store,
      shard,
      this.#form,
      (summary) => Deno.writeTextFile(sealedPath(shard.path), JSON.stringify(sealed(summary))),
    );
    await this.#describe(stem, sealed(summary));
    await shard.remove();
    await Deno.remove(sealedPath(shard.path));
    this.#open = undefined;
  }

  /** Writes the description that makes a shard count. */
  async #describe(stem: string, description: ShardDescription): Promise<void> {
    await this.#store.write(
      `${stem}.json`,
      new TextEncoder().encode(JSON.stringify(description)),
    );
    const { keys: _, ...summary } = description;
    this.#whole.push(summary);
  }

  /** Makes the last shard visible. */
  async finish(): Promise<readonly ShardSummary[]> {
    if (this.#open && this.#open.entries.length > 0) await this.#seal(this.#open);
    await this.#open?.remove();
    this.#open = undefined;
    return this.#whole;
  }

  /** Closes the shard that grows; what is in it is there when it is opened again. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#open?.[Symbol.dispose]();
    this.#open = undefined;
    return Promise.resolve();
  }
}

/** Where the description of a shard is until the shard is in its place. */
const sealedPath = (shard: string) => `${shard}.sealed`;

/** A description that was written just before a kill; undefined where it is torn or not there. */
async function readDescription(path: string): Promise<ShardDescription | undefined> {
  const text = await Deno.readTextFile(path).catch(ignoreMissing);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Descriptions of the shards that count. */
async function* descriptions(store: OutputStore, stem: string): AsyncGenerator<ShardDescription> {
  for await (const name of store.list(`${stem}-`)) {
    if (!/^-\d{5,}\.json$/.test(name.slice(stem.length))) continue;
    const bytes = await store.read(name);
    if (bytes) yield JSON.parse(new TextDecoder().decode(bytes));
  }
}
