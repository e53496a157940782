import assert from "node:assert/strict";
import { GraphBuilder } from "@vcs/onnx/graph";
import { modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import { modelSpec } from "../models.ts";
import { decoderConvNetwork, encoderConvNetwork, type Network } from "./networks.ts";
import { joinTiles, lengthOf, retile } from "./tiles.ts";
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

Deno.test("a signal is tiled at multiples of its unit, and joined again", async () => {
  const g = new GraphBuilder("cuts");
  const x = g.input("x", "F32", [1, 2, 96_000]);
  const fine = retile(g, [x], 32, 320);
  assert.equal(lengthOf(fine), 96_000);
  assert.equal(fine.length, 32);
  for (const tile of fine) assert.equal(Number(tile.shape[2]) % 320, 0);
  const coarse = retile(g, fine, 4, 1);
  assert.equal(coarse.length, 4);
  g.output("y", joinTiles(g, coarse));
  const data = syntheticAudio("encodec_48khz", 96_000);
  assert.deepEqual(await run({ graph: g, state: [] }, "x", [1, 2, 96_000], data), data);
});

Deno.test("a signal of unknown length stays one tile", () => {
  const g = new GraphBuilder("open");
  const x = g.input("x", "F32", [1, 2, "T"]);
  assert.deepEqual(retile(g, [x], 32, 1), [x]);
});

Deno.test("the graphs of full segments give what the general ones give", async () => {
  const audio = syntheticAudio("encodec_48khz", 48_000);
  const encode = (network: Network) => run(network, "audio", [1, 2, 48_000], audio);
  const features = await encode(encoderConvNetwork(spec, checkpoint));
  close(await encode(encoderConvNetwork(spec, checkpoint, 48_000)), features);
  const decode = (network: Network) => run(network, "features", [1, 512, 150], features);
  close(
    await decode(decoderConvNetwork(spec, checkpoint, 150)),
    await decode(decoderConvNetwork(spec, checkpoint)),
  );
});
