import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { tensor } from "@vcs/transport/tensor";
import { float, GraphBuilder } from "../graph.ts";
import { graphOutline, modelBytes, OPSET, writeModel } from "./model.ts";
import { adding, firstElement, namesIn, withFolder } from "../testdata/adding.ts";
import { Session } from "../session.ts";

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
