import assert from "node:assert/strict";
import { planBitrate } from "./bitrate.ts";

Deno.test("planBitrate() gives Encodec-Stream's model, bandwidth and rate", () => {
  const cases: [number, string, number, number][] = [
    [0.1, "encodec_24khz", 1.5, 1600],
    [1, "encodec_24khz", 1.5, 16000],
    [1.5, "encodec_24khz", 1.5, 24000],
    [2, "encodec_24khz", 1.5, 32000],
    [2.9, "encodec_24khz", 1.5, 46400],
    [3, "encodec_48khz", 3, 48000],
    [3.5, "encodec_48khz", 3, 56000],
    [5.9, "encodec_48khz", 3, 94400],
    [8, "encodec_48khz", 6, 64000],
    [20, "encodec_48khz", 12, 80000],
    [24, "encodec_48khz", 24, 48000],
    [28, "encodec_48khz", 24, 56000],
    [48, "encodec_48khz", 24, 96000],
    [128, "encodec_48khz", 24, 256000],
    [1000, "encodec_48khz", 24, 2000000],
  ];
  for (const [bitrate, model, bandwidth, rate] of cases) {
    const plan = planBitrate(bitrate);
    assert.deepEqual([plan.spec.name, plan.bandwidth, plan.sampleRate], [model, bandwidth, rate]);
    assert.equal(plan.codebooks, bandwidth * (plan.spec.segmentation ? 2 / 3 : 4 / 3));
  }
});

Deno.test("planBitrate() keeps a model that is asked for at every trained bandwidth", () => {
  const rates = [1.5, 3, 6, 12, 24].map((b) => planBitrate(b, "encodec_24khz"));
  assert.deepEqual(rates.map((p) => p.sampleRate), [24000, 24000, 24000, 24000, 24000]);
  assert.deepEqual(rates.map((p) => p.codebooks), [2, 4, 8, 16, 32]);
});

Deno.test("planBitrate() refuses what no rate can carry", () => {
  for (const bitrate of [0, -1, NaN, Infinity, 1e9, 1e-6]) {
    assert.throws(() => planBitrate(bitrate), RangeError);
  }
});
