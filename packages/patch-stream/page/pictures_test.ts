import assert from "node:assert/strict";
import { patchStream } from "../patch_stream.ts";
import { besideFrames, keptPictures } from "./pictures.ts";

Deno.test("pictures show kept patches as they are, and the rest dimmed", async () => {
  const videoPath = "apps/demo/clip.mp4";
  const config = { videoPath, sequenceLength: 3, kKeep: 50, keyFrames: "score" } as const;
  using session = await patchStream(config);
  const result = session.collect();
  const pictures = keptPictures(result);
  const { gridW, patchSize, targetW, targetH } = result.grid;
  assert.equal(pictures.length, 3);
  besideFrames(result, pictures).forEach(({ width, height, data }, t) => {
    assert.deepEqual([width, height], [2 * targetW, targetH]);
    const row = 3 * targetW;
    const last = 2 * row * (targetH - 1);
    const frame = result.frames.data.subarray(0, (t + 1) * row * targetH).subarray(-row);
    assert.deepEqual(data.subarray(last, last + row), frame);
    assert.deepEqual(data.subarray(last + row), pictures[t]!.data.subarray(-row));
  });
  const size = 3 * targetW * targetH;
  const bright = new Set(result.metadata.map((record) => record.patchLinearIdx));
  pictures.forEach(({ width, height, data }, t) => {
    assert.deepEqual([width, height], [targetW, targetH]);
    for (let y = 0; y < targetH; y += 5) {
      for (let x = 0; x < targetW; x += 5) {
        const cell = Math.floor(y / patchSize) * gridW + Math.floor(x / patchSize);
        const shown = data[3 * (y * targetW + x)]!;
        const luma = result.frames.data[t * size + 3 * (y * targetW + x)]!;
        const kept = bright.has(t * gridW * result.grid.gridH + cell);
        assert.ok(kept ? shown === luma : shown <= 0.23 * luma + 1, `${t} ${x} ${y}`);
      }
    }
  });
});
