import assert from "node:assert/strict";
import { planGrid } from "./grid.ts";

const CASES: [width: number, height: number, small: string, large: string][] = [
  [1920, 1080, "308x168", "352x192"],
  [3840, 2160, "308x168", "352x192"],
  [1080, 1920, "168x308", "192x352"],
  [640, 480, "252x196", "288x224"],
  [320, 240, "252x196", "288x224"],
  [96, 64, "280x196", "320x224"],
  [1000, 50, "1008x56", "1152x64"],
  [224, 224, "224x224", "256x256"],
  [1, 1, "224x224", "256x256"],
];

Deno.test("planGrid() gives codec-patch-stream's sizes", () => {
  for (const [width, height, small, large] of CASES) {
    const first = planGrid(width, height);
    assert.equal(`${first.targetW}x${first.targetH}`, small);
    const second = planGrid(width, height, { patchSize: 16, inputSize: 256 });
    assert.equal(`${second.targetW}x${second.targetH}`, large);
    assert.equal(second.gridW * 16, second.targetW);
    assert.equal(second.gridH % 2, 0);
  }
});

Deno.test("planGrid() lets the bound that is not given follow the one that is", () => {
  const finer = planGrid(1920, 1080, { minPixels: 200_000 });
  assert.ok(finer.targetW * finer.targetH > 190_000);
  const between = planGrid(400, 300, { minPixels: 10_000, maxPixels: 1_000_000 });
  assert.deepEqual([between.targetW, between.targetH], [392, 308]);
});

Deno.test("planGrid() refuses bounds that contradict each other", () => {
  assert.throws(() => planGrid(640, 480, { minPixels: 2, maxPixels: 1 }), /minPixels is 2/);
});
