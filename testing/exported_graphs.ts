/**
 * Holds what `export` writes against what we run: the same results in ONNX Runtime's Python, and no
 * graph left out.
 *
 * @module
 */
import assert from "node:assert/strict";
import { modelBytes } from "@vcs/onnx";
import { type ExportedGraph, exportGraphs, tritonConfig } from "@vcs/onnx/internal";
import { Session, type Tensors } from "@vcs/onnx/session";
import { encodeNpz, readNpz } from "@vcs/transport/npz";
import { elementCount, type Tensor, tensor } from "@vcs/transport/tensor";
import { findPython } from "./python.ts";
import { random } from "./fuzz.ts";
import type { Needed } from "./shared.ts";

/** A Python that has ONNX Runtime, or undefined. */
export const ONNX_PYTHON = findPython("onnxruntime", "numpy");

/** What tests with it need. */
export const IN_PYTHON: Needed = { "ONNX Runtime for Python": ONNX_PYTHON !== undefined };

/** Runs FOLDER/NAME/1/*.onnx on FOLDER/NAME.npz, for each NAME; results go to NAME.out.npz. */
const RUN = `
import glob, sys, numpy, onnxruntime
folder = sys.argv[1]
for name in sys.argv[2:]:
    [model] = glob.glob(f"{folder}/{name}/1/*.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = dict(numpy.load(f"{folder}/{name}.npz"))
    names = [output.name for output in session.get_outputs()]
    numpy.savez(f"{folder}/{name}.out.npz", **dict(zip(names, session.run(names, feeds))))
`;

/** Sizes of open axes in feeds; 320 stands for each that has none here. */
const SIZES: Readonly<Record<string, number>> = { N: 2, T: 10, K: 2, P: 3 };

/** Entries that every table has, of words and of codes. */
const ENTRIES = 32;

/** Size of an axis: a number, the name of an open one, or so many times one and some more. */
function sizeOf(axis: number | string): number {
  if (typeof axis === "number") return axis;
  const [, times, name = axis, more] = /^(\d+)\*(\w+) \+ (\d+)$/.exec(axis) ?? [];
  return Number(times ?? 1) * (SIZES[name] ?? 320) + Number(more ?? 0);
}

/** Random inputs: floats of -1 to 1, whole numbers that are entries of all tables, positions 0. */
export function feedsOf({ inputs }: Session): Tensors {
  const next = random(1);
  return Object.fromEntries(inputs.map(({ name, dtype, shape }) => {
    const sizes = shape.map(sizeOf);
    const value = () => dtype === "F32" ? 2 * next() - 1 : Math.floor(next() * ENTRIES);
    const numbers = Array.from({ length: elementCount(sizes) }, value);
    return [name, filled(dtype, sizes, name === "end" ? numbers.map(() => 0) : numbers)];
  }));
}

function filled(dtype: string, shape: readonly number[], numbers: readonly number[]): Tensor {
  if (dtype === "F32") return tensor("F32", shape, Float32Array.from(numbers));
  if (dtype === "I32") return tensor("I32", shape, Int32Array.from(numbers));
  if (dtype === "I64") return tensor("I64", shape, BigInt64Array.from(numbers.map(BigInt)));
  if (dtype === "U8") return tensor("U8", shape, Uint8Array.from(numbers));
  assert.equal(dtype, "BOOL");
  return tensor("BOOL", shape, Uint8Array.from(numbers.map((n) => n % 2)));
}

/** Whole numbers are equal, floats within a part of the largest. */
export function assertEqual(actual: Tensor, expected: Tensor, what: string): void {
  assert.deepEqual([actual.dtype, actual.shape], [expected.dtype, expected.shape], what);
  if (expected.dtype !== "F32") return assert.deepEqual(actual.data, expected.data, what);
  const [a, b] = [actual.data as Float32Array, expected.data as Float32Array];
  const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const apart = b.reduce((most, x, i) => Math.max(most, Math.abs(x - a[i]!)), 0);
  assert.ok(largest > 0 && apart <= 1e-5 * Math.max(1, largest), `${what}: ${apart} of ${largest}`);
}

/** Requires that ONNX Runtime's Python makes of the exported graphs what our session makes of ours. */
export async function checkInPython(graphs: readonly ExportedGraph[]): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await exportGraphs(graphs, folder);
    const expected = new Map<string, Tensors>();
    for (const { name, graph } of graphs) {
      using session = await Session.open(await modelBytes(graph), { device: "cpu", threads: 1 });
      const feeds = feedsOf(session);
      expected.set(name, await session.run(feeds));
      await Deno.writeFile(`${folder}/${name}.npz`, await encodeNpz(feeds));
    }
    const { success, stderr } = await new Deno.Command(ONNX_PYTHON!, {
      args: ["-c", RUN, folder, ...expected.keys()],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    for (const [name, tensors] of expected) {
      const found = await readNpz(await Deno.readFile(`${folder}/${name}.out.npz`));
      assert.deepEqual([...found.keys()].sort(), Object.keys(tensors).sort());
      for (const [key, t] of found) assertEqual(t, tensors[key]!, `${name} ${key}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What `config.pbtxt` says of graphs, states left out: `NAME: batch B, INPUTS -> OUTPUTS`. */
export function described(graphs: readonly ExportedGraph[]): string[] {
  return graphs.map(({ name, graph, maxBatch = 16 }) => {
    const config = tritonConfig(graph, name, maxBatch);
    const batch = /^max_batch_size: (\d+)$/m.exec(config)![1];
    const [inputs, outputs] = [graph.inputs, graph.outputs].map((values) =>
      values.map((value) => value.name).filter((key) =>
        !/^(next\.)?(encoder|decoder|past)\./.test(key)
      )
        .join()
    );
    return `${name}: batch ${batch}, ${inputs} -> ${outputs}`;
  });
}

/** The exported functions of a package that build graphs, tests left out. */
export async function graphBuilders(packageUrl: URL): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(packageUrl)) {
    if (isDirectory) found.push(...await graphBuilders(new URL(`${name}/`, packageUrl)));
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(name, packageUrl));
    for (const [, builder, made] of text.matchAll(/^export function (\w+)\([^]*?\): (.+) \{$/gm)) {
      if (made === "Network" || made === "GraphBuilder") found.push(builder!);
    }
  }
  return found.sort();
}
