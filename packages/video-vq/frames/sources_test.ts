import { encodeJpeg } from "@vcs/media/image";
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { frameRateOf, openSource, rawSource } from "./sources.ts";

Deno.test("sources: rates become the fractions that they stand for", () => {
  assert.deepEqual(frameRateOf(24), [24, 1]);
  assert.deepEqual(frameRateOf(23.976023976), [24000, 1001]);
  assert.deepEqual(frameRateOf(29.97), [30000, 1001]);
  assert.deepEqual(frameRateOf(12.5), [25, 2]);
  assert.throws(() => frameRateOf(0), RangeError);
});

Deno.test("sources: raw frames in chunks of any size; part of a frame at the end is an error", async () => {
  const size = { width: 4, height: 2 };
  const bytes = Uint8Array.from({ length: 3 * 24 }, (_, i) => i);
  const chunks = (length: number) =>
    ReadableStream.from([bytes.subarray(0, 5), bytes.subarray(5, length)]);
  await using complete = rawSource(chunks(72), { size, fps: 10 });
  const frames = await Array.fromAsync(complete.frames);
  assert.deepEqual(frames.map(({ data, pts }) => [data[0], pts]), [[0, 0], [24, 0.1], [48, 0.2]]);
  await using torn = rawSource(chunks(70), { size });
  await assert.rejects(Array.fromAsync(torn.frames), { code: "bad-source" });
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
  await using source = await openSource(`http://127.0.0.1:${server.addr.port}/`);
  const frames = await Array.fromAsync(source.frames);
  assert.deepEqual([frames.length, source.damaged], [2, 2]);
});
