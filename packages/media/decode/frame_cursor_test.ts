import assert from "node:assert/strict";
import type { DecodedFrame, DecodeRun } from "../ffmpeg/backend.ts";
import { FrameCursor } from "./frame_cursor.ts";
import type { VideoIndex } from "./video_index.ts";

/** An index of so many frames at times 0, 1, 2 …, with some key frames. */
function indexOf(count: number, keyframes: readonly number[] = [0]): VideoIndex {
  const numbers = Array.from({ length: count }, (_, i) => i);
  return {
    frames: numbers.map((i) => ({
      ...{ pts: i, duration: 1, size: 1 },
      keyframe: keyframes.includes(i),
    })),
    ticks: Float64Array.from(numbers),
    order: Uint32Array.from(numbers),
    timed: true,
    entries: numbers.map((i) => keyframes.includes(i)),
    sparse: true,
  };
}

/** A decoder that gives frames by their times; counts what was asked of it and what was kept. */
function decoderOf(times: readonly number[], damaged: readonly number[] = []) {
  const counts = { read: 0, kept: 0 };
  const decoded = (ticks: number): DecodedFrame => ({
    ...{ ticks, keyframe: false, width: 1, height: 1, damaged: damaged.includes(ticks) },
    pixels: () => new Uint8Array(3),
    motion: () => assert.fail("nobody asked for motion"),
    keep() {
      counts.kept++;
      return this;
    },
  });
  const run: DecodeRun = {
    sparse: false,
    next: () =>
      Promise.resolve(times[counts.read]).then((time) => {
        counts.read++;
        return time === undefined ? undefined : decoded(time);
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { run, counts };
}

const from = (first: number, end: number) =>
  Array.from({ length: end - first }, (_, i) => first + i);

Deno.test("FrameCursor gives a frame up after sixteen others have come, and holds no more", async () => {
  const { run, counts } = decoderOf(from(1, 100));
  const cursor = new FrameCursor(run, indexOf(100), 0);
  assert.equal((await cursor.next())!.frame, 1);
  assert.deepEqual(counts, { read: 16, kept: 16 });
  // Those that are held come first, then each as it is decoded.
  const rest: number[] = [];
  for (let found = await cursor.next(); found; found = await cursor.next()) rest.push(found.frame);
  assert.deepEqual(rest, from(2, 100));
  assert.equal(counts.kept, 16);
});

Deno.test("FrameCursor delivers what comes up to fifteen places late", async () => {
  const { run } = decoderOf([...from(1, 16), 0, 16]);
  const cursor = new FrameCursor(run, indexOf(17), 0);
  const frames: number[] = [];
  for (let found = await cursor.next(); found; found = await cursor.next()) {
    frames.push(found.frame);
  }
  assert.deepEqual(frames, from(0, 17));
});

Deno.test("FrameCursor counts frames as damaged from a damaged one to the next key frame", async () => {
  const { run } = decoderOf(from(0, 7), [1]);
  const cursor = new FrameCursor(run, indexOf(7, [0, 4]), 0);
  const damaged: boolean[] = [];
  for (let found = await cursor.next(); found; found = await cursor.next()) {
    damaged.push(found.damaged);
  }
  assert.deepEqual(damaged, [false, true, true, true, false, false, false]);
});

/** The frames that a cursor gives over frames that are known by their place. */
async function placesOf(index: VideoIndex, times: readonly number[]): Promise<number[]> {
  const { run } = decoderOf(times);
  await using cursor = new FrameCursor(run, index, 0);
  const places: number[] = [];
  for (let next = await cursor.next(); next; next = await cursor.next()) places.push(next.frame);
  return places;
}

Deno.test("FrameCursor gives frames that share a time in the order they come in", async () => {
  const index = { ...indexOf(6), ticks: Float64Array.of(0, 1, 1, 1, 2, 2) };
  assert.deepEqual(await placesOf(index, [0, 1, 1, 1, 2, 2]), [0, 1, 2, 3, 4, 5]);
});

Deno.test("FrameCursor gives counted frames by place, and notices that one is missing", async () => {
  const index = { ...indexOf(6), ticks: Float64Array.of(0, 1, 2, 0, 1, 2), timed: false };
  assert.deepEqual(await placesOf(index, [0, 1, 2, 0, 1, 2]), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(await placesOf(index, [0, 2, 0, 1, 2]), [0, 2, 3, 4, 5]);
});
