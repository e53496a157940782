import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { patchesOfFrames } from "../frames.ts";
import expected from "../testdata/small_reference.json" with { type: "json" };

/** Three frames that move on. Few levels: many displacements are equally good, and the last bit of luma decides. */
function movingFrames(width: number, height: number): Uint8Array[] {
  const next = random(17);
  const stride = 3 * 200;
  const levels = Uint8Array.from(
    { length: stride * height },
    () => 60 + 9 * Math.floor(3 * next()),
  );
  return [0, 2, 5].map((shift) =>
    Uint8Array.from({ length: 3 * width * height }, (_, n) => {
      const [row, at] = [Math.floor(n / (3 * width)), n % (3 * width) + 3 * shift];
      return levels[row * stride + at]!;
    })
  );
}

Deno.test("small frames have the scores that PyTorch's small resize leads to", async () => {
  for (const [width, height, inputSize] of [[90, 70, 56], [176, 144, 112]] as const) {
    const clip = { width, height, ids: [0, 1, 2], frames: movingFrames(width, height) };
    const { scoreMap } = await patchesOfFrames(clip, { energy: "reference", inputSize });
    // Of PyTorch 2.2.2 and 2.15, by testdata/reference_scores.py.
    const scores = expected[`${width}x${height}` as keyof typeof expected];
    assert.equal(scoreMap.data.length, scores.length);
    scoreMap.data.forEach((score, n) =>
      assert.ok(Math.abs(score - scores[n]!) < 2e-4, `${width}x${height}: ${n}`)
    );
  }
});
