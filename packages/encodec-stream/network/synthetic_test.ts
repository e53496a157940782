import assert from "node:assert/strict";
import { hashed, syntheticAudio, syntheticCheckpoint } from "./synthetic.ts";

Deno.test("hashed() gives the reference's numbers", () => {
  const found = [0, 1, 2, 3].map((e) => hashed(0, e));
  const wanted = [-0.39957846, -0.1369301, -0.26612956, -0.48169717];
  wanted.forEach((v, i) => assert.ok(Math.abs(found[i]! - v) < 1e-8));
});

Deno.test("checkpoints have the tensors and sizes of the published ones", () => {
  const size = (...args: Parameters<typeof syntheticCheckpoint>) => {
    const { names, info } = syntheticCheckpoint(...args);
    const count = (name: string) => info(name).shape.reduce((a, b) => a * b, 1);
    return [names.length, names.reduce((sum, name) => sum + 4 * count(name), 0)];
  };
  assert.deepEqual(size("encodec_24khz"), [252, 93_092_872]);
  assert.deepEqual(size("encodec_48khz"), [224, 76_267_992]);
  assert.deepEqual(size("encodec_24khz", "language-model"), [158, 62_239_072]);
  assert.deepEqual(size("encodec_48khz", "language-model"), [110, 35_946_336]);
});

Deno.test("names that no checkpoint has are refused", () => {
  const { has, info } = syntheticCheckpoint("encodec_24khz");
  assert.equal(has("encoder.model.0.conv.conv.weight"), false);
  assert.throws(() => info("encoder.model.0.conv.conv.weight"), RangeError);
});

Deno.test("audio is the same for the same place", () => {
  const stereo = syntheticAudio("encodec_48khz", 100);
  assert.equal(stereo.length, 200);
  assert.equal(stereo[0], Math.fround(0.2 * hashed(1000, 0)));
});
