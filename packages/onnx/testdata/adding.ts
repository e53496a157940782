/**
 * A model of one operator, for tests of models in files.
 *
 * @module
 */
import { tensor } from "@vcs/transport/tensor";
import { GraphBuilder } from "../graph.ts";
import { Session } from "../session.ts";

/** Runs with a folder that goes afterwards. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A graph that adds its weight, and how often the weight was read. */
export function adding(value: number): { graph: GraphBuilder; reads: () => number } {
  const graph = new GraphBuilder("adding");
  let reads = 0;
  const weight = graph.weight("w", {
    dtype: "F32",
    shape: [2000],
    read: () => Promise.resolve(tensor("F32", [2000], new Float32Array(2000).fill(value))),
  });
  const counted = graph.weights[0]!.source as { read: () => Promise<unknown> };
  const read = counted.read;
  counted.read = () => (reads++, read());
  graph.output("y", graph.add(graph.input("x", "F32", ["N", 2000]), weight));
  return { graph, reads: () => reads };
}

/** What a model of {@linkcode adding} adds. */
export async function firstElement(model: string | URL | Uint8Array): Promise<unknown> {
  using session = await Session.open(model, { device: "cpu", threads: 1 });
  const { y } = await session.run({ x: tensor("F32", [1, 2000]) });
  return y!.data[0];
}

/** Names of a folder's entries. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name).sort();
}
