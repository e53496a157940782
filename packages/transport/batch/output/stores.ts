/**
 * Opens the place of an output by its name, and sources that only a store can read.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UsageError } from "../../command/usage_error.ts";
import { TransportError } from "../../errors.ts";
import { cacheDirectory } from "../../fetch/cache_folder.ts";
import { S3Bucket } from "../../s3/bucket.ts";
import type { S3Options } from "../../s3/requests.ts";
import { writeAll } from "../../io/write_all.ts";
import { type BatchItem, isStored } from "../record.ts";
import { folderStore, type OutputStore } from "./output_store.ts";

/** Bytes of a request for a part of an object. */
const PART_BYTES = 16 << 20;

const URL_OF_STORE = /^s3:\/\/([^/]+)\/?(.*)$/i;

/** A bucket, and what names in it begin with. */
interface Place {
  readonly bucket: S3Bucket;
  readonly path: string;
}

function placeOf(url: string, options: S3Options): Place {
  const [, name, path = ""] = URL_OF_STORE.exec(url) ?? [];
  if (name === undefined) throw new UsageError(`Cannot use ${url}: expected s3://BUCKET/PREFIX`);
  return { bucket: new S3Bucket(name, options), path };
}

/**
 * Opens a folder, or a prefix in a bucket of S3.
 *
 * @throws {UsageError} for URLs of other kinds.
 * @throws {TransportError} `refused` where the environment has no credentials.
 */
export async function openStore(output: string, options: S3Options = {}): Promise<OutputStore> {
  if (isStored(output)) return await bucketStore(output, placeOf(output, options));
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(output)) return await folderStore(output);
  throw new UsageError(`Cannot write ${output}: expected a folder or s3://BUCKET/PREFIX`);
}

/** A prefix in a bucket; what is not whole yet lies in the cache of this machine. */
async function bucketStore(url: string, { bucket, path }: Place): Promise<OutputStore> {
  const prefix = path === "" || path.endsWith("/") ? path : `${path}/`;
  const id = createHash("sha256").update(url).digest("hex").slice(0, 16);
  const workFolder = join(cacheDirectory(), "batch", id);
  await Deno.mkdir(workFolder, { recursive: true });
  async function* names(start: string): AsyncGenerator<string> {
    for await (const objects of bucket.list(prefix + start)) {
      yield* objects.map(({ key }) => key.slice(prefix.length));
    }
  }
  return {
    ...{ name: url, workFolder },
    async *list(start) {
      const inside = start.lastIndexOf("/") + 1;
      for await (const name of names(start)) if (!name.includes("/", inside)) yield name;
    },
    all: () => names(""),
    remove: async (name) => await bucket.remove(prefix + name),
    read: async (name) => await bucket.get(prefix + name),
    write: async (name, bytes) => void await bucket.put(prefix + name, new Uint8Array(bytes)),
    async take(path, name) {
      await bucket.putStream(prefix + name, (await Deno.open(path)).readable);
      await Deno.remove(path);
    },
  };
}

/** The objects behind a URL: one of that name, or those below it. */
export async function* storedItems(
  url: string,
  options: S3Options = {},
): AsyncGenerator<BatchItem> {
  const { bucket, path } = placeOf(url, options);
  const folder = path === "" || path.endsWith("/") ? path : `${path}/`;
  const root = url.slice(0, url.length - path.length).replace(/\/*$/, "/");
  for await (const objects of bucket.list(path)) {
    for (const { key } of objects) {
      const name = key === path ? key.slice(key.lastIndexOf("/") + 1) : key.slice(folder.length);
      const isBelow = key === path || key.startsWith(folder);
      if (isBelow && name !== "" && !name.endsWith("/")) yield { key: name, source: root + key };
    }
  }
}

/** A file with what a store has. */
export interface FetchedSource extends AsyncDisposable {
  /** Path of the file, which is removed when it is released. */
  readonly path: string;
}

/**
 * Fetches a source from its store into a folder.
 *
 * @throws {TransportError} `missing` where it is not there.
 */
export async function fetchStored(
  source: string,
  { folder, signal, ...options }: S3Options & {
    readonly folder: string;
    readonly signal: AbortSignal;
  },
): Promise<FetchedSource> {
  const { bucket, path: key } = placeOf(source, options);
  const version = await bucket.version(key, { signal });
  if (version === undefined) throw missing(source);
  const { size, tag } = version;
  // What reads it goes by the end of its name.
  const [suffix = ""] = /\.\w{1,8}$/.exec(key) ?? [];
  const path = await Deno.makeTempFile({ dir: folder, prefix: "source-", suffix });
  const fetched = { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
  try {
    using file = await Deno.open(path, { write: true });
    for (let start = 0; start < size; start += PART_BYTES) {
      const end = Math.min(size, start + PART_BYTES);
      const bytes = await bucket.get(key, { start, end, tag, signal });
      if (bytes === undefined) throw missing(source);
      await writeAll(file, bytes);
    }
  } catch (error) {
    await fetched[Symbol.asyncDispose]();
    throw error;
  }
  return fetched;
}

function missing(source: string): TransportError {
  return new TransportError("missing", `Cannot read ${source}: found no such object`);
}
