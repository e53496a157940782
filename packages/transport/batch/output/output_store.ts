/**
 * Where the output of a batch is: a folder, or objects in a bucket.
 *
 * @module
 */
import { dirname, join } from "node:path";

/** A place for files that become visible when they are whole. */
export interface OutputStore {
  /** What it is called in messages. */
  readonly name: string;
  /** Folder on this machine for what is not whole yet. */
  readonly workFolder: string;
  /** Names of files that begin so, but for those in folders below the one that the text names. */
  list(prefix: string): AsyncIterable<string>;
  /** Names of all files, those in folders too. */
  all(): AsyncIterable<string>;
  /** Content of a file; undefined where there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Writes a file: nobody ever reads half of it. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Takes a file of the work folder over, which is gone then. */
  take(path: string, name: string): Promise<void>;
  /** Removes a file. */
  remove(name: string): Promise<void>;
}

/** Folder in a folder for what is not whole yet. */
const WORK = ".batch";

/** Names of the files in a folder of an output, and in those below it. */
async function* filesIn(folder: string, inside: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(folder, inside))) {
    if (isDirectory && inside + name !== WORK) yield* filesIn(folder, `${inside}${name}/`);
    else if (!isDirectory) yield inside + name;
  }
}

/** Names in a folder that begin so. */
async function* namesIn(folder: string, prefix: string): AsyncGenerator<string> {
  const inside = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  try {
    for await (const { name, isFile } of Deno.readDir(join(folder, inside))) {
      if (isFile && (inside + name).startsWith(prefix)) yield inside + name;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
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
    async read(name) {
      return await Deno.readFile(join(folder, name)).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        return undefined;
      });
    },
    async write(name, bytes) {
      const path = join(workFolder, `${crypto.randomUUID()}.part`);
      await Deno.writeFile(path, bytes);
      await take(path, name);
    },
  };
}
