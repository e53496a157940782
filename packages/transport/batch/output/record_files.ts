/**
 * A file for each record, named by its key, and an index of them that says which are whole.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { encodeSafetensors } from "../../safetensors.ts";
import { sha256Of } from "../../fetch/download.ts";
import { lines } from "../items.ts";
import { copied, Journal } from "./journal.ts";
import type { OutputStore } from "./output_store.ts";
import type { BatchRecord, RecordEncoder, RecordFile } from "../record.ts";
import type { BatchOutput, ShardSummary } from "./shards.ts";

/** A line of the index. */
interface FileEntry {
  readonly key: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A record as safetensors, with its fields as JSON in the metadata. */
export function safetensorsFile({ tensors, fields }: BatchRecord): RecordFile {
  const metadata = Object.entries(fields).map(([name, value]) => [name, String(value)]);
  return {
    extension: "safetensors",
    bytes: encodeSafetensors(tensors, Object.fromEntries(metadata)),
  };
}

/** Takes an index over, after every record's file is in its place; gives what it is. */
export async function takeIndex(
  store: OutputStore,
  path: string,
  name: string,
): Promise<ShardSummary> {
  let records = 0;
  const { readable } = await Deno.open(path);
  for await (const _ of lines(readable)) records++;
  const [{ size: bytes }, sha256] = [await Deno.stat(path), await sha256Of(path)];
  await store.take(path, name);
  return { name, bytes, sha256, records };
}

/** A file for each record. */
export class RecordFiles implements BatchOutput {
  readonly #store: OutputStore;
  readonly #name: string;
  readonly #encode: RecordEncoder;
  readonly #journal: Journal<FileEntry>;

  private constructor(
    store: OutputStore,
    name: string,
    encode: RecordEncoder,
    journal: Journal<FileEntry>,
  ) {
    this.#store = store;
    this.#name = name;
    this.#encode = encode;
    this.#journal = journal;
  }

  /** Opens what is there. */
  static async open(
    store: OutputStore,
    stem: string,
    encode: RecordEncoder,
  ): Promise<RecordFiles> {
    const name = `index${stem.slice("shard".length)}.jsonl`;
    const path = join(store.workFolder, name);
    const isHere = await Deno.stat(path).then(() => true, () => false);
    const before = isHere ? undefined : await store.stream(name);
    if (before) await Deno.writeFile(path, ReadableStream.from(before));
    return new RecordFiles(store, name, encode, await Journal.open<FileEntry>(path, () => {}));
  }

  get #path(): string {
    return join(this.#store.workFolder, this.#name);
  }

  /** Keys of the index. */
  async *keys(): AsyncGenerator<string> {
    const { readable } = await Deno.open(this.#path);
    for await (const line of lines(readable)) yield (JSON.parse(line) as FileEntry).key;
  }

  /** Writes a record's file, which counts when it is in the index. */
  async write(key: string, record: BatchRecord): Promise<void> {
    const { extension, bytes } = await this.#encode(record);
    const name = `${key}.${extension}`;
    await this.#store.write(name, bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    await this.#journal.append({ key, name, bytes: bytes.length, sha256 });
  }

  /** Makes the index visible: it stands for all files. */
  async finish(): Promise<readonly ShardSummary[]> {
    await this.#journal.sync();
    return [await takeIndex(this.#store, await copied(this.#path), this.#name)];
  }

  /** Closes the index. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#journal[Symbol.dispose]();
    return Promise.resolve();
  }
}
