import { VideoReader } from "@vcs/media/video_reader";
import { VideoWriter } from "@vcs/media/video_writer";
import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  patchStreamAll,
  type PatchStreamAllConfig,
  patchStreamBatches,
} from "./patch_stream_all.ts";
import { decodeOnly, openFrames } from "./decode_only.ts";
import { patchStream } from "./patch_stream.ts";
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

Deno.test("patchStreamBatches() gives one tensor for several videos, padded to the longest", async () => {
  const failures: number[] = [];
  const all = {
    ...{ ...config, concurrency: 1, batchSize: 2, minScore: 40 },
    onFailure: ({ index }: { index: number }) => void failures.push(index),
  };
  const batches = await Array.fromAsync(patchStreamBatches([clip, "no such.mp4", clip, clip], all));
  assert.deepEqual(failures, [1]);
  assert.deepEqual(batches.map(({ indices }) => indices), [[0, 2], [3]]);
  const [{ patches, fields, scores, counts }] = batches as [typeof batches[0]];
  using alone = await patchStream({ ...config, minScore: 40, videoPath: clip });
  const { length } = alone;
  assert.deepEqual(counts, [length, length]);
  assert.deepEqual(patches.shape, [2, ...alone.patches.shape]);
  assert.deepEqual([fields.shape, scores.shape], [[2, length, 6], [2, length]]);
  const second = patches.data.subarray(patches.data.length / 2);
  assert.deepEqual(second, alone.patches.data);
  assert.deepEqual(fields.data.subarray(6 * length), alone.fields.data);
  await assert.rejects(
    patchStreamBatches([clip], { ...config, batchSize: 0 }).next(),
    /found a batch of 0/,
  );
  await assert.rejects(
    Array.fromAsync(patchStreamBatches(["no such.mp4"], { ...config, batchSize: 1 })),
    Deno.errors.NotFound,
  );
});

Deno.test("patchStreamBatches() fills up a video of fewer patches with zeros and -1", async () => {
  const path = await Deno.makeTempFile({ suffix: ".mp4" });
  try {
    const writer = await VideoWriter.open(path, { width: 64, height: 64, fps: 10 });
    await writer.add({ data: new Uint8Array(64 * 64 * 3).fill(99) });
    await writer.close();
    const all = { sequenceLength: 1, inputSize: 112, kKeep: 1000, concurrency: 1, batchSize: 2 };
    const batches = await Array.fromAsync(patchStreamBatches([path, clip], all));
    assert.equal(batches.length, 1);
    const { counts, fields, patches, scores } = batches[0]!;
    // The grids of a square and of a wide video.
    const most = Math.max(...counts);
    const [fewer] = counts.map((count, n) => ({ count, n })).filter(({ count }) => count < most);
    assert.ok(fewer !== undefined && fewer.count > 0, `${counts}`);
    const behind = (data: ArrayLike<unknown>) => {
      const each = data.length / 2;
      const from = fewer.n * each + fewer.count * each / most;
      return new Set(Array.from(data).slice(from, (fewer.n + 1) * each));
    };
    assert.deepEqual([...behind(fields.data)], [-1n]);
    assert.deepEqual([...behind(patches.data), ...behind(scores.data)], [0, 0]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("openFrames() gives the frames of decodeOnly() one by one, and says what they take", async () => {
  const wanted = { videoPath: clip, sequenceLength: 5, from: 5.9 };
  const { frames, sampledFrameIds, pts } = await decodeOnly(wanted);
  await using stream = await openFrames(wanted);
  assert.deepEqual(stream.shape, frames.shape);
  assert.equal(stream.byteLength, frames.data.length);
  assert.deepEqual(stream.samples.sampledFrameIds, sampledFrameIds);
  const size = frames.data.length / 5;
  const positions: number[] = [];
  for await (const { position, frameId, pts: time, frame } of stream) {
    positions.push(position);
    assert.deepEqual([frameId, time], [sampledFrameIds[position], pts[position]]);
    assert.deepEqual(frame.data, frames.data.subarray(position * size, (position + 1) * size));
  }
  assert.deepEqual(positions, [0, 1, 2, 3, 4]);
});
