import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { patchStream } from "../patch_stream.ts";

const videoPath = fileURLToPath(new URL("../../../apps/demo/clip.mp4", import.meta.url));

/** Scores of a short stream with some percentile as full energy. */
async function scoresAt(energyPct: number): Promise<Float32Array> {
  const size = { sequenceLength: 3, inputSize: 56, kKeep: 8 } as const;
  using session = await patchStream({ videoPath, ...size, energy: "reference", energyPct });
  return session.collect().scoreMap.data.slice();
}

Deno.test("energyPct is held between 1 and 100", async () => {
  const [highest, lowest] = [await scoresAt(100), await scoresAt(1)];
  assert.notDeepEqual(highest, lowest);
  assert.deepEqual(await scoresAt(1000), highest);
  for (const below of [0, -50]) assert.deepEqual(await scoresAt(below), lowest);
});
