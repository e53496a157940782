import { makeScene, onSquare, SCENE, type SceneOptions } from "../testdata/scene.ts";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { patchesOfFrames } from "../frames.ts";

/** Patches that are kept beside those of the first frame, about as many as show the square. */
const BUDGET = 120;

const clipOf = (options: SceneOptions) => {
  const frames = makeScene(options);
  return { width: SCENE.width, height: SCENE.height, ids: frames.map((_, n) => n), frames };
};

/** Share of the kept patches that show the square, and how many each frame has. */
async function finds(options: SceneOptions) {
  const clip = clipOf(options);
  const perFrame = 264;
  const { fields, grid } = await patchesOfFrames(clip, {
    ...{ keyFrames: "first", kKeep: perFrame + BUDGET },
  });
  assert.equal(grid.gridW * grid.gridH, perFrame);
  const counts = new Array<number>(SCENE.frames).fill(0);
  let found = 0;
  for (let n = perFrame; n < perFrame + BUDGET; n++) {
    const [frame, , , , row, column] = Array.from(fields.data.subarray(6 * n, 6 * n + 6), Number);
    counts[frame!]!++;
    if (onSquare(grid, frame!, row!, column!)) found++;
  }
  return { share: found / BUDGET, counts };
}

Deno.test("blocksad keeps what moves by itself, whatever the camera does", async (t) => {
  for (
    const [name, options, least] of [
      ["still", {}, 0.9],
      ["pan of 240 px/s", { pan: 240 }, 0.6],
      ["zoom and turn", { zoom: 0.15, turn: 0.17 }, 0.85],
    ] as const
  ) {
    await t.step(name, async () => {
      const { share } = await finds(options);
      assert.ok(share >= least, `${share}`);
    });
  }
});

Deno.test("a change of light takes no more of the budget than another frame", async () => {
  const { share, counts } = await finds({ light: (frame) => frame < 8 ? [1, 0] : [1.3, 12] });
  assert.ok(share >= 0.85, `${share}`);
  assert.ok(Math.max(...counts) <= 12, `${counts}`);
});

Deno.test("black frames take nothing, nor do the frames behind them", async () => {
  const black = (frame: number) => frame === 4 || frame === 9;
  const { share, counts } = await finds({ light: (frame) => black(frame) ? [0, 16] : [1, 0] });
  assert.deepEqual([counts[4], counts[9]], [0, 0]);
  assert.ok(Math.max(...counts) <= 16, `${counts}`);
  assert.ok(share >= 0.7, `${share}`);
});

Deno.test("without compensation the scores are those of before, bit for bit", async () => {
  const { scoreMap } = await patchesOfFrames(clipOf({ pan: 240, noise: 3 }), { compensate: false });
  const hash = createHash("sha256").update(new Uint8Array(scoreMap.data.buffer)).digest("hex");
  assert.equal(hash, "d9d11400731315f554901c99c5b6166634b45531c94d380f8b455a40e7d007b6");
});
