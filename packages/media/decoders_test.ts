/** Decoders that are open at a time, and what is left of them. */
import assert from "node:assert/strict";
import type { Backend } from "./ffmpeg/backend.ts";
import { chooseBackend } from "./ffmpeg/backends.ts";
import { loadNodeAv } from "./ffmpeg/node_av.ts";
import { VideoReader } from "./video_reader.ts";
import { VideoWriter } from "./video_writer.ts";

/** A video of so many frames, with a key frame at every tenth. */
async function withVideo(count: number, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".mp4" });
  try {
    const size = { width: 64, height: 48 };
    const writer = await VideoWriter.open(path, { ...size, fps: 25, keyframeInterval: 10 });
    for (let n = 0; n < count; n++) {
      await writer.add({ data: new Uint8Array(64 * 48 * 3).fill(n) });
    }
    await writer.close();
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

/** Counts decoders: those started, those open now, and ends of ones that had ended. */
async function counted(
  use: (counts: { started: number; open: number; endedTwice: number }) => Promise<void>,
): Promise<void> {
  const backend: Backend = await chooseBackend("auto");
  const { decode } = backend;
  const counts = { started: 0, open: 0, endedTwice: 0 };
  const spied: Backend["decode"] = async (request) => {
    const run = await decode.call(backend, request);
    const end = run[Symbol.asyncDispose].bind(run);
    let ended = false;
    counts.started++;
    counts.open++;
    run[Symbol.asyncDispose] = async () => {
      if (ended) counts.endedTwice++;
      else counts.open--;
      ended = true;
      await end();
    };
    return run;
  };
  Object.assign(backend, { decode: spied });
  try {
    await use(counts);
  } finally {
    Object.assign(backend, { decode });
  }
}

Deno.test("frames asked for one by one have one decoder open, wherever they are", () =>
  withVideo(100, (path) =>
    counted(async (counts) => {
      const video = await VideoReader.open(path);
      for (const id of [95, 5, 50, 0, 99]) {
        assert.equal((await video.frameAt(id)).index, id);
        assert.equal(counts.open, 1);
      }
      assert.ok(counts.started >= 3, `${counts.started} decoders started`);
      await video[Symbol.asyncDispose]();
      assert.equal(counts.open, 0);
    })));

Deno.test("loops end their decoders, those that are left too, and closing ends none twice", () =>
  withVideo(100, (path) =>
    counted(async (counts) => {
      const video = await VideoReader.open(path);
      await Array.fromAsync(video.frames({ start: 0, end: 3 }));
      assert.equal(counts.open, 0);
      for await (const { index } of video.frames()) if (index === 5) break;
      assert.equal(counts.open, 0);
      const reading = video.frames();
      await reading.next();
      assert.equal(counts.open, 1);
      await video[Symbol.asyncDispose]();
      assert.deepEqual([counts.open, counts.endedTwice], [0, 0]);
      assert.equal((await reading.next()).done, true);
    })));

Deno.test("a decoder that only fails is asked 32 times, then once for each packet and the end", () =>
  withVideo(5, async (path) => {
    const { CodecContext } = await loadNodeAv();
    const { receiveFrameSync } = CodecContext.prototype;
    await using video = await VideoReader.open(path, { backend: "node-av" });
    let asked = 0;
    CodecContext.prototype.receiveFrameSync = () => {
      assert.ok(++asked < 1000, "the decoder is asked without end");
      return -1;
    };
    try {
      await assert.rejects(Array.fromAsync(video.frames()), { code: "decode-failed" });
    } finally {
      CodecContext.prototype.receiveFrameSync = receiveFrameSync;
    }
    assert.equal(asked, 31 + 5 + 1 + 1);
  }));
