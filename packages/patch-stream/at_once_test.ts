/** How many videos are worked on at a time, and what is left of those that nobody took. */
import { VideoReader } from "@vcs/media/video_reader";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { patchStreamAll, type PatchStreamAllConfig } from "./patch_stream_all.ts";
import { PatchStreamSession } from "./session.ts";

const clip = fileURLToPath(new URL("../../apps/demo/clip.mp4", import.meta.url));

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

Deno.test("as many videos are worked on as asked for, and sessions that nobody took are closed", async () => {
  // The caller has the first session, and closes it or not.
  assert.deepEqual(await firstOf({ concurrency: 1 }), { opened: 1, closed: 0 });
  assert.deepEqual(await firstOf({ concurrency: 3 }), { opened: 3, closed: 2 });
});

Deno.test("on a GPU no more videos are worked on than it has decoders", async () => {
  const gpu = { decodeBackend: "gpu", concurrency: 3, nvdecSessionPoolSize: 2 } as const;
  assert.equal((await firstOf(gpu)).opened, 2);
});
