/**
 * Models that were built from checkpoints, kept: the graph and its converted weights are written
 * once, and found again as long as the checkpoint, the description and this code are the same. A
 * list beside them says what they must be; what is damaged is built again.
 *
 * @example Built the first time, found the second
 * ```ts
 * import { GraphBuilder } from "@vcs/onnx/graph";
 * import { cachedModel } from "@vcs/onnx";
 * import { tensor } from "@vcs/transport/tensor";
 * import assert from "node:assert/strict";
 *
 * const folder = await Deno.makeTempDir();
 * const build = () => {
 *   const g = new GraphBuilder("offset");
 *   const w = g.weight("w", tensor("F32", [4]));
 *   g.output("y", g.add(g.input("x", "F32", ["N", 4]), w));
 *   return g;
 * };
 * const path = await cachedModel(build(), ["my weights, version 1"], folder);
 * assert.equal(await cachedModel(build(), ["my weights, version 1"], folder), path);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @module
 */
import { join } from "node:path";
import { builtin, say } from "@vcs/transport/internal";
import type { GraphCore } from "../graph/core.ts";
import { graphOutline, writeModel } from "../graph/model.ts";
import { checkFiles, describeFiles, writeManifest } from "./manifest.ts";
import { graphDirectory } from "./paths.ts";

/** Raised when weights are converted, folded or laid out in another way than before. */
const FORMAT = 1;

/** Milliseconds. */
const DAY = 24 * 60 * 60 * 1000;

/** Names of folders that models are built in, and of nothing else in a folder of the caller's. */
const PART = /-[0-9a-f]{16}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.part$/;

/** What the system says of a folder that cannot be written, or of a disk that is full. */
const UNWRITABLE = ["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EEXIST"];

/** Temporary folders of this process, by the folder in whose place they are. */
const substitutes = new Map<string, string>();

/**
 * Path of a graph's model in the cache, written there first where it is new or damaged. Processes
 * that build the same model at the same time both succeed. Where the folder cannot be written, the
 * model lies in a temporary one until the process ends, and a line on stderr says so.
 *
 * @param graph the description; its weights are read only where the model is new
 * @param identity what the weights come from, as {@linkcode fileIdentity} of the checkpoint
 * @param directory folder of the cache. Default: `graphs` in ours.
 */
export async function cachedModel(
  graph: GraphCore,
  identity: readonly string[],
  directory: string = graphDirectory(),
): Promise<string> {
  const hash = builtin("node:crypto").createHash("sha256").update(
    JSON.stringify([FORMAT, identity]),
  );
  const key = hash.update(graphOutline(graph)).digest("hex").slice(0, 16);
  const folder = join(directory, `${graph.name}-${key}`);
  const path = join(folder, `${graph.name}.onnx`);
  const state = await checkFiles(folder, filesOf(graph));
  if (state === "right") return path;
  if (state === "damaged") say(`note: ${folder} is damaged and is built again`);
  await removeStale(directory);
  try {
    await build(graph, identity, folder);
    return path;
  } catch (error) {
    if (await checkFiles(folder, filesOf(graph)) === "right") return path;
    if (!isUnwritable(error) || [...substitutes.values()].includes(directory)) throw error;
    return await cachedModel(graph, identity, await substituteFor(directory, error));
  }
}

/** The files of a model; the one that is opened is the last. */
const filesOf = ({ name }: GraphCore) => [`${name}.weights`, `${name}.onnx`];

/** Builds a model beside its folder and moves it there, whatever is left of it; its list comes last. */
async function build(graph: GraphCore, identity: readonly string[], folder: string): Promise<void> {
  const part = `${folder}.${crypto.randomUUID()}.part`;
  const names = filesOf(graph);
  try {
    await writeModel(graph, part);
    const manifest = await describeFiles(part, names, identity);
    await Deno.mkdir(folder, { recursive: true });
    for (const name of names) await Deno.rename(join(part, name), join(folder, name));
    await writeManifest(folder, manifest);
  } finally {
    await Deno.remove(part, { recursive: true }).catch(() => {});
  }
}

function isUnwritable(error: unknown): error is Error {
  return error instanceof Error && "code" in error && UNWRITABLE.includes(String(error.code));
}

/** A temporary folder in place of one that cannot be written. It goes when the process ends. */
async function substituteFor(directory: string, { message }: Error): Promise<string> {
  const known = substitutes.get(directory);
  if (known !== undefined) return known;
  const folder = await Deno.makeTempDir({ prefix: "vcs-graphs-" });
  substitutes.set(directory, folder);
  globalThis.addEventListener("unload", () => {
    try {
      Deno.removeSync(folder, { recursive: true });
    } catch { /* The system removes it: here it may be mapped. */ }
  });
  say(`note: cannot write to ${directory} (${message}); models are built in ${folder} for now`);
  return folder;
}

/** Removes what builds left that were killed: nobody has written to it for a day. */
async function removeStale(directory: string): Promise<void> {
  const entries = await Array.fromAsync(Deno.readDir(directory)).catch(() => []);
  for (const { name } of entries.filter(({ name }) => PART.test(name))) {
    const path = join(directory, name);
    const { mtime } = await Deno.stat(path).catch(() => ({ mtime: null }));
    const isStale = mtime !== null && Date.now() - mtime.getTime() > DAY;
    if (isStale) await Deno.remove(path, { recursive: true }).catch(() => {});
  }
}
