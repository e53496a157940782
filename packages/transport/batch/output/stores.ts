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
import { defined } from "../../io/defined.ts";
import { writeAll } from "../../io/write_all.ts";
import { type BatchItem, isStored } from "../record.ts";
import { folderStore, type OutputStore, type StoredFile } from "./output_store.ts";

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
  async function* files(start: string): AsyncGenerator<StoredFile> {
    for await (const objects of bucket.list(prefix + start)) {
      yield* objects.map(({ key, bytes }) => ({ name: key.slice(prefix.length), bytes }));
    }
  }
  return {
    ...{ name: url, workFolder },
    async *list(start) {
      const inside = start.lastIndexOf("/") + 1;
      for await (const { name } of files(start)) if (!name.includes("/", inside)) yield name;
    },
    all: () => files(""),
    remove: async (name) => await bucket.remove(prefix + name),
    read: async (name) => await bucket.get(prefix + name),
    stream: (name) => partsOf({ bucket, path: prefix + name }),
    write: async (name, bytes) => void await bucket.put(prefix + name, new Uint8Array(bytes)),
    async take(path, name) {
      await bucket.putStream(prefix + name, (await Deno.open(path)).readable);
      await Deno.remove(path);
    },
  };
}

/** An object in parts, all of one version of it; undefined where it is not there. */
async function partsOf(
  { bucket, path }: Place,
  signal?: AbortSignal,
): Promise<AsyncIterable<Uint8Array<ArrayBuffer>> | undefined> {
  const version = await bucket.version(path, defined({ signal }));
  return version && partsOfVersion({ bucket, path }, { ...version, ...defined({ signal }) });
}

async function* partsOfVersion(
  { bucket, path }: Place,
  { size, ...version }: { size: number; tag: string; signal?: AbortSignal },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let start = 0; start < size; start += PART_BYTES) {
    const end = Math.min(size, start + PART_BYTES);
    const bytes = await bucket.get(path, { start, end, ...version });
    if (bytes === undefined) {
      throw new TransportError("missing", `Cannot read on: ${path} was removed meanwhile`);
    }
    yield bytes;
  }
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
  const place = placeOf(source, options);
  const parts = await partsOf(place, signal);
  if (parts === undefined) {
    throw new TransportError("missing", `Cannot read ${source}: found no such object`);
  }
  // What reads it goes by the end of its name.
  const [suffix = ""] = /\.\w{1,8}$/.exec(place.path) ?? [];
  const path = await Deno.makeTempFile({ dir: folder, prefix: "source-", suffix });
  const fetched = { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
  try {
    using file = await Deno.open(path, { write: true });
    for await (const bytes of parts) await writeAll(file, bytes);
  } catch (error) {
    await fetched[Symbol.asyncDispose]();
    throw error;
  }
  return fetched;
}
