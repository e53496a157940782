/**
 * Where the output of a batch is: a folder, or objects in a bucket.
 *
 * @module
 */
import { dirname, join } from "node:path";

/** A file that is there. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
}

/** A place for files that become visible when they are whole. */
export interface OutputStore {
  /** What it is called in messages. */
  readonly name: string;
  /** Folder on this machine for what is not whole yet. */
  readonly workFolder: string;
  /** Names of files that begin so, but for those in folders below the one that the text names. */
  list(prefix: string): AsyncIterable<string>;
  /** All files, those in folders too. */
  all(): AsyncIterable<StoredFile>;
  /** Content of a file; undefined where there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Content of a file as it comes; undefined where there is none. */
  stream(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Writes a file: nobody ever reads half of it. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Takes a file of the work folder over, which is gone then. */
  take(path: string, name: string): Promise<void>;
  /** Removes a file. */
  remove(name: string): Promise<void>;
}

/** Folder in a folder for what is not whole yet. */
const WORK = ".batch";

/** The files in a folder of an output, and in those below it. */
async function* filesIn(folder: string, inside: string): AsyncGenerator<StoredFile> {
  for await (const { name: last, isDirectory } of Deno.readDir(join(folder, inside))) {
    const name = inside + last;
    if (isDirectory && name !== WORK) yield* filesIn(folder, `${name}/`);
    // Others may write and remove files there meanwhile.
    const info = isDirectory ? undefined : await Deno.stat(join(folder, name)).catch(ignoreMissing);
    if (info) yield { name, bytes: info.size };
  }
}

/** Takes what is not there for done. */
export function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Names in a folder that begin so. */
async function* namesIn(folder: string, prefix: string): AsyncGenerator<string> {
  const inside = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  try {
    for await (const { name, isFile } of Deno.readDir(join(folder, inside))) {
      if (isFile && (inside + name).startsWith(prefix)) yield inside + name;
    }
  } catch (error) {
    ignoreMissing(error);
  }
}

/** A folder on this machine, which is made where it is not there. */
export async function folderStore(folder: string): Promise<OutputStore> {
  const workFolder = join(folder, WORK);
  await Deno.mkdir(workFolder, { recursive: true });
  const take = async (path: string, name: string) => {
    const to = join(folder, ...name.split("/"));
    if (name.includes("/")) await Deno.mkdir(dirname(to), { recursive: true });
    {
      using file = await Deno.open(path, { write: true });
      // Otherwise a power cut can leave the new name and no content.
      await file.syncData();
    }
    await Deno.rename(path, to);
  };
  return {
    name: folder,
    workFolder,
    take,
    list: (prefix) => namesIn(folder, prefix),
    all: () => filesIn(folder, ""),
    remove: (name) => Deno.remove(join(folder, name)),
    read: (name) => Deno.readFile(join(folder, name)).catch(ignoreMissing),
    stream: async (name) => (await Deno.open(join(folder, name)).catch(ignoreMissing))?.readable,
    async write(name, bytes) {
      const path = join(workFolder, `${crypto.randomUUID()}.part`);
      await Deno.writeFile(path, bytes);
      await take(path, name);
    },
  };
}
