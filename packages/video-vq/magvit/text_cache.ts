/**
 * Short texts that are dear to compute from a checkpoint, kept between runs beside the graphs that
 * were built from it.
 *
 * @module
 */
import { fileIdentity } from "@vcs/onnx";
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder for what is built: in `VCS_CACHE`, `XDG_CACHE_HOME/vcs`, or `~/.cache/vcs`. */
function defaultFolder(): string {
  const own = Deno.env.get("VCS_CACHE");
  const user = Deno.env.get("XDG_CACHE_HOME") || join(homedir(), ".cache");
  return join(own || join(user, "vcs"), "graphs");
}

/**
 * A text about a checkpoint, computed once as long as the file stays the same.
 *
 * @param path the checkpoint
 * @param what names the text, with all else that it depends on
 * @param folder the cache's folder; the user's where not given
 */
export async function rememberedText(
  path: string,
  what: string,
  compute: () => Promise<string>,
  folder: string = defaultFolder(),
): Promise<string> {
  const identity = `${what} ${await fileIdentity(path)}`;
  const name = createHash("sha256").update(identity).digest("hex").slice(0, 16);
  const file = join(folder, `${name}.txt`);
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const text = await compute();
  await Deno.mkdir(folder, { recursive: true });
  const part = `${file}.${crypto.randomUUID()}.part`;
  await Deno.writeTextFile(part, text);
  await Deno.rename(part, file);
  return text;
}
