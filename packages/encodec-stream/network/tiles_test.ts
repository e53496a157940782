import assert from "node:assert/strict";
import { GraphBuilder } from "@vcs/onnx/graph";
import { modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import { modelSpec } from "../models.ts";
import { analysisNetwork, type Network, synthesisNetwork } from "./networks.ts";
import { lengthOf, recut, whole } from "./tiles.ts";
import { syntheticAudio, syntheticCheckpoint } from "./synthetic.ts";

const spec = modelSpec("encodec_48khz");
const checkpoint = syntheticCheckpoint("encodec_48khz");

async function run({ graph }: Network, input: string, shape: number[], data: Float32Array) {
  using session = await Session.open(await modelBytes(graph), { device: "cpu", threads: 2 });
  const results = await session.run({ [input]: tensor("F32", shape, data) });
  return Object.values(results)[0]!.data as Float32Array;
}

function close(found: Float32Array, wanted: Float32Array): void {
  assert.equal(found.length, wanted.length);
  const most = found.reduce((worst, v, i) => Math.max(worst, Math.abs(v - wanted[i]!)), 0);
  assert.ok(most < 2e-5, `largest difference ${most}`);
}

Deno.test("a signal is cut at multiples of its unit, and joined again", async () => {
  const g = new GraphBuilder("cuts");
  const x = g.input("x", "F32", [1, 2, 96_000]);
  const fine = recut(g, [x], 32, 320);
  assert.equal(lengthOf(fine), 96_000);
  assert.equal(fine.length, 32);
  for (const piece of fine) assert.equal(Number(piece.shape[2]) % 320, 0);
  const coarse = recut(g, fine, 4, 1);
  assert.equal(coarse.length, 4);
  g.output("y", whole(g, coarse));
  const data = syntheticAudio("encodec_48khz", 96_000);
  assert.deepEqual(await run({ graph: g, state: [] }, "x", [1, 2, 96_000], data), data);
});

Deno.test("a signal of open length stays whole", () => {
  const g = new GraphBuilder("open");
  const x = g.input("x", "F32", [1, 2, "T"]);
  assert.deepEqual(recut(g, [x], 32, 1), [x]);
});

Deno.test("the graphs of full segments give what the general ones give", async () => {
  const audio = syntheticAudio("encodec_48khz", 48_000);
  const analyze = (network: Network) => run(network, "audio", [1, 2, 48_000], audio);
  const features = await analyze(analysisNetwork(spec, checkpoint));
  close(await analyze(analysisNetwork(spec, checkpoint, 48_000)), features);
  const synthesize = (network: Network) => run(network, "features", [1, 512, 150], features);
  close(
    await synthesize(synthesisNetwork(spec, checkpoint, 150)),
    await synthesize(synthesisNetwork(spec, checkpoint)),
  );
});
