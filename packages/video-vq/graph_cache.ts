/**
 * Where built graphs lie between runs: ONNX Runtime maps their weights from there. A folder is
 * named after the checkpoint's path, size and time of change, so that another file at the same
 * path is built anew.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";

/** Goes up when graphs are built in another way. */
const REVISION = 1;

/** The folder for caches: `VCS_CACHE`, `XDG_CACHE_HOME/vcs`, or `~/.cache/vcs`. */
function cacheFolder(): string {
  const own = Deno.env.get("VCS_CACHE");
  if (own) return own;
  return join(Deno.env.get("XDG_CACHE_HOME") || join(homedir(), ".cache"), "vcs");
}

/** Things derived from one checkpoint file. */
export class GraphCache {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Finds the place of a checkpoint's things.
   *
   * @param variant what else they depend on, as the set of weights
   * @param root folder of the cache; the user's where not given
   */
  static async of(path: string, variant: string, root?: string): Promise<GraphCache> {
    const real = await Deno.realPath(path);
    const { size, mtime } = await Deno.stat(real);
    const identity = JSON.stringify([REVISION, real, size, mtime?.getTime() ?? 0, variant]);
    const name = createHash("sha256").update(identity).digest("hex").slice(0, 16);
    return new GraphCache(join(root ?? join(cacheFolder(), "graphs"), `video-vq-${name}`));
  }

  /** Path of a model file, made where it is not there yet. */
  async model(name: string, make: (folder: string) => Promise<string>): Promise<string> {
    const folder = join(this.#folder, name);
    for await (const entry of entriesOf(folder)) {
      if (entry.name.endsWith(".onnx")) return join(folder, entry.name);
    }
    return await make(folder);
  }

  /** A short text, made where it is not there yet. */
  async text(name: string, make: () => Promise<string>): Promise<string> {
    const path = join(this.#folder, name);
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const text = await make();
    await Deno.mkdir(this.#folder, { recursive: true });
    const part = `${path}.${crypto.randomUUID()}.part`;
    await Deno.writeTextFile(part, text);
    await Deno.rename(part, path);
    return text;
  }
}

async function* entriesOf(folder: string): AsyncGenerator<Deno.DirEntry> {
  try {
    yield* Deno.readDir(folder);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
