import { encodeJpeg } from "@vcs/media/image";
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CLIP_FPS, makeClip, needsRtsp, rtspServer } from "#testing/rtsp/server.ts";
import { findProgram } from "#testing/shared.ts";
import { damagedVideo } from "../testing/damaged_video.ts";
import { frameRateOf, nominalRate, type OnError, openSource, rawSource } from "./sources.ts";

Deno.test("sources: rates become the fractions that they stand for", () => {
  assert.deepEqual(frameRateOf(24), [24, 1]);
  assert.deepEqual(frameRateOf(23.976023976), [24000, 1001]);
  assert.deepEqual(frameRateOf(29.97), [30000, 1001]);
  assert.deepEqual(frameRateOf(12.5), [25, 2]);
  assert.throws(() => frameRateOf(0), RangeError);
});

Deno.test("sources: raw frames in chunks of any size; part of a frame at the end is damaged", async () => {
  const size = { width: 4, height: 2 };
  const bytes = Uint8Array.from({ length: 3 * 24 }, (_, i) => i);
  const chunks = (length: number) =>
    ReadableStream.from([bytes.subarray(0, 5), bytes.subarray(5, length)]);
  await using complete = rawSource(chunks(72), { size, fps: 10 });
  const frames = await Array.fromAsync(complete.frames);
  assert.deepEqual(frames.map(({ data, pts }) => [data[0], pts]), [[0, 0], [24, 0.1], [48, 0.2]]);
  await using torn = rawSource(chunks(70), { size, onError: "throw" });
  await assert.rejects(Array.fromAsync(torn.frames), { code: "bad-source" });
  await using left = rawSource(chunks(70), { size });
  assert.deepEqual([(await Array.fromAsync(left.frames)).length, left.damaged], [2, 1]);
  assert.throws(() => rawSource(chunks(72), {}), RangeError);
});

Deno.test("sources: a folder without images, and a camera that is not there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await assert.rejects(openSource(folder), { code: "bad-source" });
  } finally {
    await Deno.remove(folder);
  }
  const handler = () => new Response("no", { status: 404 });
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, handler);
  await assert.rejects(openSource(`http://127.0.0.1:${server.addr.port}/`), { code: "bad-source" });
});

Deno.test("sources: a frame that was taken and released is not retained, with a signal and without", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const size = { width: 64, height: 64 };
  const chunks = async function* () {
    for (let i = 0; i < 50; i++) yield await Promise.resolve(new Uint8Array(64 * 64 * 3));
  };
  for (const options of [{ size }, { size, stop: new AbortController().signal }]) {
    await using source = rawSource(chunks(), options);
    const taken: WeakRef<Uint8Array>[] = [];
    for await (const { data } of source.frames) {
      taken.push(new WeakRef(data));
      if (taken.length !== 40) continue;
      await new Promise((resolve) => setTimeout(resolve)); // releases what this turn has seen
      collect();
      const kept = taken.filter((frame) => frame.deref()).length;
      assert(kept <= 2, `${kept} of ${taken.length} frames are still held`);
    }
    assert.equal(taken.length, 50);
  }
});

Deno.test("sources: a stop ends a source that waits for its next frame", async () => {
  const stop = new AbortController();
  const silent = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(12)),
  });
  await using source = rawSource(silent, { size: { width: 2, height: 2 }, stop: stop.signal });
  const frames: number[] = [];
  for await (const { pts } of source.frames) {
    frames.push(pts);
    setTimeout(() => stop.abort(), 20);
  }
  assert.deepEqual(frames, [0]);
});

Deno.test("sources: images of a camera that cannot be decoded, or have no end, are counted", async () => {
  const good = await encodeJpeg({ width: 8, height: 8, data: new Uint8Array(192) });
  const noPixels = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9);
  const body = new Blob([good, noPixels, good, good.subarray(0, 100)]);
  const handler = () => new Response(body.stream(), { headers: { "content-type": "video/mjpeg" } });
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, handler);
  for (const [onError, count] of [["skip", 2], ["nearest", 3]] as const) {
    await using source = await openSource(`http://127.0.0.1:${server.addr.port}/`, { onError });
    const frames = await Array.fromAsync(source.frames);
    assert.deepEqual([frames.length, source.damaged], [count, 2]);
  }
});

/** The first byte of each frame with its time; greys by ten, minus one for a damaged image. */
async function folderOf(greys: readonly number[], onError: OnError) {
  const folder = await Deno.makeTempDir();
  try {
    for (const [i, grey] of greys.entries()) {
      const data = new Uint8Array(192).fill(grey);
      const bytes = await encodeJpeg({ width: 8, height: 8, data }, { quality: 100 });
      await Deno.writeFile(`${folder}/${i}.jpg`, grey < 0 ? bytes.subarray(0, 100) : bytes);
    }
    await using source = await openSource(folder, { fps: 1, onError });
    const frames = await Array.fromAsync(source.frames);
    return { frames: frames.map(({ data, pts }) => [data[0], pts]), damaged: source.damaged };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("sources: a damaged picture is an error, its neighbour, or left out", async () => {
  const greys = [-1, 10, -1, -1, 20];
  assert.deepEqual(await folderOf(greys, "nearest"), {
    frames: [[10, 0], [10, 1], [10, 2], [10, 3], [20, 4]],
    damaged: 3,
  });
  assert.deepEqual(await folderOf(greys, "skip"), { frames: [[10, 1], [20, 4]], damaged: 3 });
  await assert.rejects(folderOf(greys, "throw"), { code: "bad-source" });
});

Deno.test("sources: damage in a video does not end it, and is counted", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/damaged.mp4`;
    await damagedVideo(path);
    await using source = await openSource(path);
    const frames = await Array.fromAsync(source.frames);
    assert.equal(frames.length, 60);
    assert(source.damaged > 0 && source.damaged < 30, `${source.damaged} damaged`);
    await using strict = await openSource(path, { onError: "throw" });
    await assert.rejects(Array.fromAsync(strict.frames), { code: "decode-failed" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "sources: an RTSP camera at its own rate; a lost one is waited for, a missing one is not",
  ...needsRtsp,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/h264.mkv`;
      await makeClip(path, "h264", 3);
      const mounts = { "/a": path };
      await using server = await rtspServer({ mounts, login: "user:secret" });
      const host = `127.0.0.1:${server.port}`;
      const events: string[] = [];
      const onEvent = ({ type }: { type: string }) => void events.push(type);
      await using source = await openSource(`rtsp://user:secret@${host}/a`, { onEvent });
      assert.equal(source.description, `camera rtsp://${host}/a, h264, 64x48`);
      assert.deepEqual([source.live, source.frameRate], [true, [CLIP_FPS, 1]]);
      let last = -1;
      const frames = source.frames[Symbol.asyncIterator]();
      // The clip ends after 30 frames, and is read again.
      for (let i = 0; i < 35; i++) {
        const { value: { pts, capturedAt } } = await frames.next();
        assert(pts >= last && Math.abs(capturedAt / 1000 - Date.now() / 1000) < 3600);
        last = pts;
      }
      assert.deepEqual(events.slice(0, 3), ["connected", "lost", "connected"]);
      await assert.rejects(openSource(`rtsp://user:secret@${host}/b`), {
        code: "connection-lost",
        message: /^Cannot [^@]*404 Not Found/,
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("sources: a rate that timestamps of whole milliseconds blur is the usual one", () => {
  const blurred = { frameCount: 120, duration: 3.999, fps: 120 / 3.999 };
  assert.equal(nominalRate(blurred), 30);
  assert.equal(nominalRate({ frameCount: 120, duration: 4, fps: 30 }), 30);
  const film = 24000 / 1001;
  assert.equal(nominalRate({ frameCount: 240, duration: 240 / film, fps: film }), film);
  assert.equal(nominalRate({ frameCount: 120, duration: 9.6, fps: 12.5 }), 12.5);
});

const ffmpeg = findProgram("ffmpeg");

Deno.test({
  name: "sources: pixels of a video have the shape that its file says",
  ignore: ffmpeg === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/wide.mp4`;
      const input = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=0.3"];
      const args = ["-v", "error", ...input, "-vf", "setsar=2/1", path];
      assert((await new Deno.Command(ffmpeg!, { args }).output()).success);
      await using source = await openSource(path);
      const frames = await Array.fromAsync(source.frames);
      assert.deepEqual(frames.map(({ pixelAspect }) => pixelAspect), [2, 2, 2]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "sources: transparency is over black, and of interlaced frames there is one field",
  ignore: ffmpeg === undefined,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const made = async (name: string, ...args: string[]) => {
        const input = ["-f", "lavfi", "-i", "color=c=white@0.5:s=64x48:d=0.1,format=rgba"];
        const all = ["-v", "error", ...input, ...args, `${folder}/${name}`];
        assert((await new Deno.Command(ffmpeg!, { args: all }).output()).success, name);
      };
      await Deno.mkdir(`${folder}/images`);
      await made("images/half.png", "-frames:v", "1");
      await made("half.mkv", "-c:v", "ffv1", "-pix_fmt", "bgra");
      const fields = ["-vf", "setfield=tff", "-flags", "+ildct+ilme", "-x264-params", "tff=1"];
      await made("fields.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p", ...fields);
      const said = async (name: string) => {
        await using source = await openSource(`${folder}/${name}`);
        const [first] = await Array.fromAsync(source.frames);
        return [source.description.slice(folder.length + 1), first!.data[0]] as const;
      };
      const [images, half] = [await said("images"), await said("half.mkv")];
      const interlaced = await said("fields.mkv");
      for (const [, grey] of [images, half]) assert(Math.abs(grey! - 127) <= 2, `${grey}`);
      assert.match(half[0], /, transparency over black$/);
      assert.match(interlaced[0], /, interlaced: the first field of each frame$/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
