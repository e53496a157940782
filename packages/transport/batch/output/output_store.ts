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
  /** Names and sizes of files that begin so, below the top alone. */
  list(prefix: string): AsyncIterable<string>;
  /** Content of a file; undefined where there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Writes a file: nobody ever reads half of it. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Takes a file of the work folder over, which is gone then. */
  take(path: string, name: string): Promise<void>;
}

/** A folder on this machine, which is made where it is not there. */
export async function folderStore(folder: string): Promise<OutputStore> {
  const workFolder = join(folder, ".batch");
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
    async *list(prefix) {
      for await (const { name, isFile } of Deno.readDir(folder)) {
        if (isFile && name.startsWith(prefix)) yield name;
      }
    },
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
