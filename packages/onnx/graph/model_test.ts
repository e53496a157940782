import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { tensor } from "@vcs/transport/tensor";
import { float, GraphBuilder } from "../graph.ts";
import { graphOutline, modelBytes, OPSET, writeModel } from "./model.ts";
import { cachedModel, fileIdentity } from "../cache/model_cache.ts";
import { Session } from "../session.ts";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A graph that adds its weight, and how often the weight was read. */
function adding(value: number): { graph: GraphBuilder; reads: () => number } {
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

async function firstElement(model: string | URL | Uint8Array): Promise<unknown> {
  using session = await Session.open(model, { device: "cpu", threads: 1 });
  const { y } = await session.run({ x: tensor("F32", [1, 2000]) });
  return y!.data[0];
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name).sort();
}

Deno.test("a model and its weights are two files, and nothing else is left", () =>
  withFolder(async (folder) => {
    const { graph, reads } = adding(3);
    const path = await writeModel(graph, `${folder}/made/here`);
    assert.deepEqual(await namesIn(`${folder}/made/here`), ["adding.onnx", "adding.weights"]);
    assert.equal((await Deno.stat(`${folder}/made/here/adding.weights`)).size, 8000);
    assert.ok((await Deno.stat(path)).size < 500);
    assert.equal(reads(), 1);
    assert.equal(await firstElement(path), 3);
    assert.equal(await firstElement(pathToFileURL(path)), 3);
  }));

Deno.test("weights of several types lie at pages and come back", () =>
  withFolder(async (folder) => {
    const graph = new GraphBuilder("types");
    const x = graph.input("x", "I64", [1]);
    const tables = [
      tensor("F32", [600], new Float32Array(600).fill(1)),
      tensor("I32", [600], new Int32Array(600).fill(2)),
      tensor("F64", [600], new Float64Array(600).fill(3)),
    ];
    const rows = tables.map((t, i) => graph.cast(graph.gather(graph.weight(`t${i}`, t), x), "F32"));
    graph.output("y", rows.reduce((a, b) => graph.add(a, b)));
    const path = await writeModel(graph, folder);
    assert.equal((await Deno.stat(`${folder}/types.weights`)).size, 8192 + 2400);
    using session = await Session.open(path, { device: "cpu" });
    const { y } = await session.run({ x: tensor("I64", [1], BigInt64Array.of(5n)) });
    assert.deepEqual([...y!.data], [1 + 2 + 3]);
  }));

Deno.test("a weight that cannot be read leaves no file behind", () =>
  withFolder(async (folder) => {
    const graph = new GraphBuilder("broken");
    const read = () => Promise.reject(new Error("torn page"));
    graph.output("y", graph.add(graph.weight("w", { dtype: "F32", shape: [9], read }), 1));
    await assert.rejects(writeModel(graph, folder), /torn page/);
    assert.deepEqual(await namesIn(folder), []);
  }));

Deno.test("a weight that is not what it promised is refused by its name", async () => {
  const graph = new GraphBuilder("liar");
  const read = () => Promise.resolve(tensor("F32", [8]));
  graph.output("y", graph.add(graph.weight("w", { dtype: "F32", shape: [9], read }), 1));
  await assert.rejects(modelBytes(graph), /Cannot write weight w: read were F32 \[8\]/);
});

Deno.test("models that cannot be are refused", async () => {
  await assert.rejects(
    modelBytes(new GraphBuilder("empty")),
    /Cannot write graph empty: it has no outputs/,
  );
  const large = new GraphBuilder("large");
  const read = () => Promise.reject(new Error("must not be read"));
  large.output("y", large.weight("w", { dtype: "F32", shape: [2 ** 29], read }));
  await assert.rejects(modelBytes(large), /expected less than 2 GB; use writeModel/);
  const odd = new GraphBuilder("odd");
  odd.output("y", odd.constant("w", tensor("F6_E2M3" as "U8", [4])));
  await assert.rejects(modelBytes(odd), TypeError);
});

Deno.test("attributes of every kind and other operator sets are written", async () => {
  const g = new GraphBuilder("attributes");
  const x = g.input("x", "F32", [4]);
  const constant = g.op("Constant", [], {
    value: { tensor: tensor("F32", [4], new Float32Array([1, 2, 3, 4])) },
  }, x);
  const floats = g.op("Constant", [], { value_floats: float([1, 1, 1, 1]) }, x);
  const gelu = g.op("com.microsoft:QuickGelu", [g.add(x, g.mul(constant, floats))], {
    alpha: float(1.702),
  }, x);
  g.output("y", gelu);
  using session = await Session.open(await modelBytes(g), { device: "cpu" });
  const { y } = await session.run({ x: tensor("F32", [4], new Float32Array([-1, -2, -3, -4])) });
  assert.deepEqual([...y!.data], [0, 0, 0, 0]);
  assert.equal(OPSET, 21);
});

Deno.test("an outline distinguishes descriptions and reads no lazy weight", () => {
  const a = adding(1);
  assert.deepEqual(graphOutline(a.graph), graphOutline(adding(2).graph));
  assert.equal(a.reads(), 0);
  const other = new GraphBuilder("adding");
  other.output("y", other.add(other.input("x", "F32", ["N", 2000]), 1));
  const same = new GraphBuilder("adding");
  same.output("y", same.add(same.input("x", "F32", ["N", 2000]), 2));
  assert.notDeepEqual(graphOutline(other), graphOutline(same));
  const tables = [1, 2].map((value) => {
    const g = new GraphBuilder("table");
    g.output(
      "y",
      g.add(g.weight("t", tensor("F32", [2000], new Float32Array(2000).fill(value))), 1),
    );
    return graphOutline(g);
  });
  assert.notDeepEqual(tables[0], tables[1]);
});

Deno.test("a cached model is built once for each identity and description", () =>
  withFolder(async (folder) => {
    const first = adding(1);
    const path = await cachedModel(first.graph, ["weights 1"], folder);
    assert.equal(first.reads(), 1);
    const again = adding(1);
    assert.equal(await cachedModel(again.graph, ["weights 1"], folder), path);
    assert.equal(again.reads(), 0);
    const other = await cachedModel(adding(2).graph, ["weights 2"], folder);
    assert.notEqual(other, path);
    assert.deepEqual([await firstElement(path), await firstElement(other)], [1, 2]);
    assert.equal((await namesIn(folder)).length, 2);
  }));

Deno.test("several builders of one model at once all get it", () =>
  withFolder(async (folder) => {
    const paths = await Promise.all(
      [1, 2, 3, 4].map(() => cachedModel(adding(7).graph, ["w"], folder)),
    );
    assert.equal(new Set(paths).size, 1);
    assert.equal(await firstElement(paths[0]!), 7);
    assert.equal((await namesIn(folder)).length, 1);
  }));

Deno.test("a cached model that was half removed is built again", () =>
  withFolder(async (folder) => {
    const path = await cachedModel(adding(3).graph, ["w"], folder);
    for (const lost of [path, path.replace(/onnx$/, "weights")]) {
      await Deno.remove(lost);
      assert.equal(await cachedModel(adding(3).graph, ["w"], folder), path);
      assert.equal(await firstElement(path), 3);
      assert.ok((await Deno.stat(lost)).isFile);
      assert.equal((await namesIn(folder)).length, 1);
    }
  }));

Deno.test("what killed builds left in the cache goes after a day, and nothing else", () =>
  withFolder(async (folder) => {
    const model = basename(dirname(await cachedModel(adding(4).graph, ["w"], folder)));
    const build = () => `${model}.${crypto.randomUUID()}.part`;
    const [young, ...old] = [build(), build(), "film.part", model] as const;
    await Promise.all(
      [young, ...old].map((name) => Deno.mkdir(join(folder, name), { recursive: true })),
    );
    const then = new Date(Date.now() - 2 * 86_400_000);
    await Promise.all(old.map((name) => Deno.utime(join(folder, name), then, then)));
    await cachedModel(adding(5).graph, ["other"], folder);
    const names = await namesIn(folder);
    assert.deepEqual(old.map((name) => names.includes(name)), [false, true, true]);
    assert.ok(names.includes(young));
  }));

Deno.test("a file's identity changes with the file", () =>
  withFolder(async (folder) => {
    const path = `${folder}/weights`;
    await Deno.writeTextFile(path, "one");
    const before = await fileIdentity(path);
    assert.equal(await fileIdentity(path), before);
    await Deno.writeTextFile(path, "three");
    assert.notEqual(await fileIdentity(path), before);
    await assert.rejects(fileIdentity(`${folder}/none`), Deno.errors.NotFound);
  }));
