import { VideoReader } from "@vcs/media/video_reader";
import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import { patchStreamAll, type PatchStreamAllConfig } from "./patch_stream_all.ts";
import { PatchStreamSession } from "./session.ts";

const clip = fileURLToPath(new URL("../../apps/demo/clip.mp4", import.meta.url));
const config = { sequenceLength: 3, kKeep: 8 } as const;

Deno.test("patchStreamAll() streams every video, and reports which one failed", async () => {
  const videos = [clip, "no such.mp4", clip, pathToFileURL(clip)];
  const outcomes = await Array.fromAsync(patchStreamAll(videos, { ...config, concurrency: 2 }));
  outcomes.sort((a, b) => a.index - b.index);
  assert.deepEqual(outcomes.map(({ videoPath }) => videoPath), videos);
  assert.deepEqual(outcomes.map(({ session }) => session?.length), [8, undefined, 8, 8]);
  assert.ok(outcomes[1]!.error instanceof Deno.errors.NotFound);
  for (const { session } of outcomes) session?.close();
});

Deno.test("patchStreamAll() rejects wrong values before it opens anything", async () => {
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

/** Takes the first outcome of four videos; counts readers opened till then and sessions closed. */
async function firstOf(config: PatchStreamAllConfig): Promise<{ opened: number; closed: number }> {
  const bytes = await Deno.readFile(clip);
  const { open } = VideoReader;
  const { close } = PatchStreamSession.prototype;
  let [opened, closed] = [0, 0];
  VideoReader.open = (...args) => (opened++, open.apply(VideoReader, args));
  PatchStreamSession.prototype.close = function () {
    closed++;
    close.call(this);
  };
  try {
    const videos = Array.from({ length: 4 }, () => bytes);
    const all = { sequenceLength: 2, inputSize: 56, kKeep: 8, ...config } as const;
    for await (const _ of patchStreamAll(videos, all)) break;
  } finally {
    VideoReader.open = open;
    PatchStreamSession.prototype.close = close;
  }
  return { opened, closed };
}

Deno.test("patchStreamAll() processes `concurrency` videos, and closes sessions that nobody took", async () => {
  // The caller has the first session, and closes it or not.
  assert.deepEqual(await firstOf({ concurrency: 1 }), { opened: 1, closed: 0 });
  assert.deepEqual(await firstOf({ concurrency: 3 }), { opened: 3, closed: 2 });
});

Deno.test("patchStreamAll() opens no more videos on a GPU than it has decoders", async () => {
  const gpu = { decodeBackend: "gpu", concurrency: 3, nvdecSessionPoolSize: 2 } as const;
  assert.equal((await firstOf(gpu)).opened, 2);
});
