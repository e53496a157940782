/**
 * Short texts that are expensive to compute from a checkpoint, cached beside the graphs that were
 * built from it.
 *
 * @module
 */
import { fileIdentity } from "@vcs/onnx/internal";
import { graphDirectory, writeNote } from "@vcs/onnx/internal";
import { createHash } from "node:crypto";
import { join } from "node:path";

/**
 * A text about a checkpoint, computed once as long as the file stays the same.
 *
 * @param path the checkpoint
 * @param what names the text, with all else that it depends on
 * @param folder the cache's folder. Default: the user's.
 */
export async function cachedText(
  path: string,
  what: string,
  compute: () => Promise<string>,
  folder: string = graphDirectory(),
): Promise<string> {
  const identity = `${what} ${await fileIdentity(path, folder)}`;
  const name = createHash("sha256").update(identity).digest("hex").slice(0, 16);
  const file = join(folder, `${name}.txt`);
  const known = await Deno.readTextFile(file).catch(() => "");
  if (known !== "") return known;
  const text = await compute();
  // Without the note it is computed again.
  await writeNote(file, text).catch(() => {});
  return text;
}
