import { GraphBuilder } from "@vcs/onnx/graph";
import { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { ModelSession, openWeights, type Weights } from "./model_session.ts";
import type { Network } from "./networks.ts";
import { modelSpec, TINY_MODEL } from "../models.ts";

/** Weights of networks that have none. */
const none: Weights = {
  model: "none",
  source: { names: () => [], info: () => undefined } as unknown as Weights["source"],
  identity: undefined,
  [Symbol.dispose]: () => {},
};

/** A network that adds a number, so that its results tell which one was run. */
function adding(amount: number, length: number | "S"): Network {
  const graph = new GraphBuilder("adding");
  graph.output("y", graph.add(graph.input("x", "F32", [1, length]), amount));
  return { graph, state: [] };
}

async function results(device: string): Promise<number[]> {
  using session = await ModelSession.open(adding(1, "S"), none, { device }, adding(2, 4));
  const found: number[] = [];
  for (const length of [4, 3, 4]) {
    const y = await session.run({ x: tensor("F32", [1, length]) }, "y");
    assert.deepEqual(y.shape, [1, length]);
    found.push(Number(y.data[0]));
  }
  return found;
}

Deno.test("ModelSession runs inputs of the special shape by the special graph, others by the general one", async () => {
  assert.deepEqual(await results("cpu"), [2, 1, 2]);
});

Deno.test("ModelSession opens the general graph once, and only when it is needed", async () => {
  const { open } = Session;
  let opened = 0;
  Session.open = (...args) => (opened++, open.apply(Session, args));
  try {
    using session = await ModelSession.open(
      adding(1, "S"),
      none,
      { device: "cpu" },
      adding(2, 4),
    );
    const run = (length: number) => session.run({ x: tensor("F32", [1, length]) }, "y");
    await run(4);
    assert.equal(opened, 1);
    await Promise.all([run(3), run(5), run(3)]);
    assert.equal(opened, 2);
  } finally {
    Session.open = open;
  }
});

Deno.test("ModelSession runs the bytes of a graph by whatever opens models, the general graph alone", async () => {
  let opened = 0;
  const openModel = (model: Uint8Array<ArrayBuffer>) => {
    opened++;
    return Session.open(model, { device: "cpu" });
  };
  using session = await ModelSession.open(adding(1, "S"), none, { openModel }, adding(2, 4));
  const y = await session.run({ x: tensor("F32", [1, 4]) }, "y");
  assert.deepEqual([...y.data], [1, 1, 1, 1]);
  assert.equal(opened, 1);
});

Deno.test("openWeights() refuses to look for files for another runtime", async () => {
  const openModel = () => Promise.reject(new Error("unused"));
  await assert.rejects(
    openWeights(modelSpec(TINY_MODEL), "codec", { openModel }),
    /found weights undefined, expected a source of tensors/,
  );
});
