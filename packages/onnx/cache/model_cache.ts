/**
 * Models that were built from checkpoints, kept: the graph and its converted weights are written
 * once, and found again as long as the checkpoint, the description and this code are the same.
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
import { builtin, isFile } from "@vcs/transport/internal";
import { graphDirectory } from "./paths.ts";
import type { GraphCore } from "../graph/core.ts";
import { graphOutline, writeModel } from "../graph/model.ts";

/** Raised when weights are converted, folded or laid out in another way than before. */
const FORMAT = 1;

/** Milliseconds. */
const DAY = 24 * 60 * 60 * 1000;

/** Names of folders that models are built in, and of nothing else in a folder of the caller's. */
const PART = /-[0-9a-f]{16}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.part$/;

/**
 * What distinguishes files without reading them: path, size and time of the last change.
 *
 * @throws {Deno.errors.NotFound} where there is no such file.
 */
export async function fileIdentity(path: string): Promise<string> {
  const real = await Deno.realPath(path);
  const { size, mtime } = await Deno.stat(real);
  return `${real} ${size} ${mtime?.getTime()}`;
}

/**
 * Path of a graph's model in the cache, written there first where it is new. Processes that build
 * the same model at the same time both succeed.
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
  if (await isWhole(graph, folder)) return path;
  const part = `${folder}.${crypto.randomUUID()}.part`;
  await removeStale(directory);
  try {
    await writeModel(graph, part);
    await moveModel(graph, part, folder);
  } catch (error) {
    if (!await isWhole(graph, folder)) throw error;
  } finally {
    await Deno.remove(part, { recursive: true }).catch(() => {});
  }
  return path;
}

/** The files of a model; the one that is opened is the last. */
const filesOf = ({ name }: GraphCore) => [`${name}.weights`, `${name}.onnx`];

async function isWhole(graph: GraphCore, folder: string): Promise<boolean> {
  const isThere = (file: string) => isFile(join(folder, file));
  return (await Promise.all(filesOf(graph).map(isThere))).every(Boolean);
}

/** Moves a model's files into its folder, whatever is left of it. */
async function moveModel(graph: GraphCore, from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const file of filesOf(graph)) await Deno.rename(join(from, file), join(to, file));
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
