/**
 * A file for each record, named by its key, and an index of them that says which are whole.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { encodeSafetensors } from "../../safetensors.ts";
import { Journal } from "./journal.ts";
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
    const before = await store.read(name);
    const isHere = await Deno.stat(path).then(() => true, () => false);
    if (before && !isHere) await Deno.writeFile(path, before);
    return new RecordFiles(store, name, encode, await Journal.open<FileEntry>(path, () => {}));
  }

  get #path(): string {
    return join(this.#store.workFolder, this.#name);
  }

  /** Keys of the index. */
  async *keys(): AsyncGenerator<string> {
    const keys: string[] = [];
    (await Journal.open<FileEntry>(this.#path, ({ key }) => keys.push(key)))[Symbol.dispose]();
    yield* keys;
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
    const content = await Deno.readFile(this.#path);
    await this.#store.write(this.#name, content);
    const records = content.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0);
    const sha256 = createHash("sha256").update(content).digest("hex");
    return [{ name: this.#name, bytes: content.length, sha256, records }];
  }

  /** Closes the index. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#journal[Symbol.dispose]();
    return Promise.resolve();
  }
}
