import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { patchesOfFrames } from "../frames.ts";
import expected from "../testdata/small_reference.json" with { type: "json" };

Deno.test("small frames have the scores that PyTorch's small resize leads to", async () => {
  const next = random(17);
  const frames = [0, 1, 2].map(() => Uint8Array.from({ length: 3 * 90 * 70 }, () => 256 * next()));
  const clip = { width: 90, height: 70, ids: [0, 1, 2], frames };
  const { scoreMap } = await patchesOfFrames(clip, { energy: "reference", inputSize: 56 });
  // Of PyTorch 2.2.2; noise shows every rounding, because displacements are equally good.
  assert.equal(scoreMap.data.length, expected.length);
  scoreMap.data.forEach((score, n) => assert.ok(Math.abs(score - expected[n]!) < 2e-4, `${n}`));
});
