import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import { patchStreamAll } from "./patch_stream_all.ts";

const clip = fileURLToPath(new URL("../../apps/demo/clip.mp4", import.meta.url));
const config = { sequenceLength: 3, kKeep: 8 } as const;

Deno.test("patchStreamAll() streams every video, and tells which one failed", async () => {
  const videos = [clip, "no such.mp4", clip, pathToFileURL(clip)];
  const outcomes = await Array.fromAsync(patchStreamAll(videos, { ...config, concurrency: 2 }));
  outcomes.sort((a, b) => a.index - b.index);
  assert.deepEqual(outcomes.map(({ videoPath }) => videoPath), videos);
  assert.deepEqual(outcomes.map(({ session }) => session?.length), [8, undefined, 8, 8]);
  assert.ok(outcomes[1]!.error instanceof Deno.errors.NotFound);
  for (const { session } of outcomes) session?.close();
});

Deno.test("patchStreamAll() refuses wrong values before it opens anything", async () => {
  for (const wrong of [{ concurrency: 0 }, { kKeep: -1 }]) {
    await assert.rejects(patchStreamAll([clip], { ...config, ...wrong }).next(), RangeError);
  }
});

Deno.test("patchStreamAll() can be left, and ends at an abort", async () => {
  for await (const { session } of patchStreamAll([clip, clip, clip], config)) {
    session?.close();
    break;
  }
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(patchStreamAll([clip], { ...config, signal }).next(), /enough/);
});
