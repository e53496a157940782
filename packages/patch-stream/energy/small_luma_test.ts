import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { patchesOfFrames } from "../frames.ts";
import expected from "../testdata/small_reference.json" with { type: "json" };

Deno.test("small frames have the scores that PyTorch's small resize leads to", async () => {
  // Few levels: many displacements are equally good, and the last bit of luma decides.
  const next = random(17);
  const levels = Uint8Array.from({ length: 3 * 200 * 70 }, () => 60 + 9 * Math.floor(3 * next()));
  const frames = [0, 2, 5].map((shift) =>
    Uint8Array.from({ length: 3 * 90 * 70 }, (_, n) => {
      const [row, at] = [Math.floor(n / 270), n % 270 + 3 * shift];
      return levels[row * 600 + at]!;
    })
  );
  const clip = { width: 90, height: 70, ids: [0, 1, 2], frames };
  const { scoreMap } = await patchesOfFrames(clip, { energy: "reference", inputSize: 56 });
  // Of PyTorch 2.2.2.
  assert.equal(scoreMap.data.length, expected.length);
  scoreMap.data.forEach((score, n) => assert.ok(Math.abs(score - expected[n]!) < 2e-4, `${n}`));
});
