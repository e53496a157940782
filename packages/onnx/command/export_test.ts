import assert from "node:assert/strict";
import { GraphBuilder } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import { withFolder } from "../testdata/command.ts";
import { tritonConfig } from "../graph/triton.ts";
import { exportGraphs } from "./export.ts";

/** Adds a weight of so many numbers. */
function adding(size: number): GraphBuilder {
  const g = new GraphBuilder("adding");
  const ones = tensor("F32", [size], new Float32Array(size).fill(1));
  g.output("y", g.add(g.input("x", "F32", ["N", "T", size]), g.weight("ones", ones)));
  return g;
}

const namesIn = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();

Deno.test("exportGraphs() writes a model repository; only large weights have a file", () =>
  withFolder(async (folder) => {
    const graphs = [{ name: "small", graph: adding(2) }, { name: "large", graph: adding(4096) }];
    const written = await exportGraphs(graphs, `${folder}/out`);
    assert.deepEqual(written, [`${folder}/out/small`, `${folder}/out/large`]);
    assert.deepEqual(await namesIn(`${folder}/out`), ["large", "small"]);
    assert.deepEqual(await namesIn(`${folder}/out/small`), ["1", "config.pbtxt"]);
    assert.deepEqual(await namesIn(`${folder}/out/small/1`), ["adding.onnx"]);
    assert.deepEqual(await namesIn(`${folder}/out/large/1`), ["adding.onnx", "adding.weights"]);
    for (const size of [2, 4096]) {
      const path = `${folder}/out/${size === 2 ? "small" : "large"}/1/adding.onnx`;
      using session = await Session.open(path, { device: "cpu" });
      const { y } = await session.run({ x: tensor("F32", [1, 1, size]) });
      assert.ok(y!.data.length === size && [...y!.data].every((v) => v === 1));
    }
  }));

Deno.test("exportGraphs() says what is there already, and writes nothing then", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/second`);
    const graphs = ["first", "second"].map((name) => ({ name, graph: adding(2) }));
    await assert.rejects(exportGraphs(graphs, folder), {
      name: "UsageError",
      message: `Cannot export to ${folder}/second: found a folder of that name, expected none; ` +
        "remove it, or choose another --output",
    });
    assert.deepEqual(await namesIn(folder), ["second"]);
  }));

Deno.test("exportGraphs() leaves nothing of a graph that cannot be written", () =>
  withFolder(async (folder) => {
    const graph = new GraphBuilder("failing");
    const read = () => Promise.reject(new Error("unreadable"));
    const w = graph.weight("w", { dtype: "F32", shape: [2], read });
    graph.output("y", graph.add(graph.input("x", "F32", [2]), w));
    await assert.rejects(exportGraphs([{ name: "failing", graph }], folder), /unreadable/);
    assert.deepEqual(await namesIn(folder), []);
  }));

Deno.test("tritonConfig() has the batch apart from the sizes where all have one", () => {
  assert.equal(
    tritonConfig(adding(2), "add", 8),
    `name: "add"
backend: "onnxruntime"
default_model_filename: "adding.onnx"
max_batch_size: 8
input [
  { name: "x" data_type: TYPE_FP32 dims: [ -1, 2 ] }
]
output [
  { name: "y" data_type: TYPE_FP32 dims: [ -1, 2 ] }
]
`,
  );
  const g = adding(2);
  g.output("next", g.input("state", "I64", [1, 3]));
  const config = tritonConfig(g, "add", 8);
  assert.match(config, /^max_batch_size: 0$/m);
  assert.match(config, /"x" data_type: TYPE_FP32 dims: \[ -1, -1, 2 \] \},\n/);
  assert.match(config, /"state" data_type: TYPE_INT64 dims: \[ 1, 3 \] \}\n\]/);
});
