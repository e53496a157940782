import assert from "node:assert/strict";
import { GraphBuilder } from "@vcs/onnx/graph";
import { modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { tensor } from "@vcs/transport/tensor";
import { encoderLayers } from "./layers.ts";
import { type ModelName, modelSpec } from "../models.ts";
import { Seanet } from "./seanet.ts";
import { syntheticAudio, syntheticCheckpoint } from "./synthetic.ts";

// Reference numbers: the authors' encoder in float64, on the checkpoints that synthetic.ts makes.

/** The latent vectors of the encoder alone: nothing normalised, nothing quantised. */
async function latents(model: ModelName, samples: number): Promise<Float32Array[]> {
  const spec = modelSpec(model);
  const source = syntheticCheckpoint(model);
  const causal = spec.segmentation === undefined;
  const net = new Seanet(new GraphBuilder("encoder"), source, spec);
  const audio = net.g.input("audio", "F32", [1, spec.channels, "S"]);
  net.g.output("z", net.apply(encoderLayers(spec), audio));
  using session = await Session.open(await modelBytes(net.g), { device: "cpu", threads: 1 });
  const state = net.state.map(({ name, shape }) => [name, tensor("F32", shape)] as const);
  const { z } = await session.run({
    audio: tensor("F32", [1, spec.channels, samples], syntheticAudio(model, samples)),
    ...(causal && { first: tensor("BOOL", [1], Uint8Array.of(1)), ...Object.fromEntries(state) }),
  }, { want: ["z"] });
  const frames = z!.shape[2]!;
  const data = z!.data as Float32Array;
  return Array.from({ length: frames }, (_, t) => data.filter((_, i) => i % frames === t));
}

function near(found: Float32Array, wanted: number[]): void {
  wanted.forEach((v, i) =>
    assert.ok(Math.abs(found[i]! - v) < 2e-5, `${i}: ${found[i]} is not ${v}`)
  );
}

function meanMagnitude(vectors: Float32Array[]): number {
  const sums = vectors.map((v) => v.reduce((sum, x) => sum + Math.abs(x), 0));
  return sums.reduce((a, b) => a + b) / (vectors.length * vectors[0]!.length);
}

Deno.test("the 24 kHz encoder gives the reference's latent vectors", async () => {
  const long = await latents("encodec_24khz", 3333);
  assert.equal(long.length, 11);
  near(long[0]!, [-0.428983, -0.155629, -0.659957, -0.419899]);
  near(long[10]!, [0.92396, 0.152979, -0.812134, -1.193201]);
  near(Float32Array.of(meanMagnitude(long)), [0.414523]);
  near((await latents("encodec_24khz", 1))[0]!, [0.122707, 0.087701, -0.006485, -0.076655]);
  const short = await latents("encodec_24khz", 500);
  assert.equal(short.length, 2);
  near(short[0]!, [0.612967, 0.052255, -0.325769, -0.28616]);
});

Deno.test("the 48 kHz encoder gives the reference's latent vectors", async () => {
  near((await latents("encodec_48khz", 1))[0]!, [-0.703935, -0.682672, -0.365463, 0.840112]);
  const short = await latents("encodec_48khz", 500);
  assert.equal(short.length, 2);
  near(short[0]!, [0.750239, -1.745276, 0.576345, 1.194043]);
});
