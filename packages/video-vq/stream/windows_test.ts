import assert from "node:assert/strict";
import { defined } from "@vcs/transport/internal";
import { VideoVqError } from "../errors.ts";
import {
  type FrameWindow,
  reconstructedFrames,
  type TailPolicy,
  type TimedFrame,
  Windower,
  windowsOf,
} from "./windows.ts";

/** Frames that carry their own number in every pixel. */
async function* numbered(count: number, fps = 25): AsyncGenerator<TimedFrame> {
  for (let i = 0; i < count; i++) {
    const data = new Uint8Array(8 * 8 * 3).fill(i);
    yield { width: 8, height: 8, data, pts: i / fps, duration: 1 / fps };
  }
}

async function collect(count: number, tail?: TailPolicy): Promise<FrameWindow[]> {
  const options = { width: 8, height: 8, ...defined({ tail }) };
  return await Array.fromAsync(windowsOf(numbered(count), options));
}

/** The numbers of the frames in a window. */
function ids(window: FrameWindow): number[] {
  return Array.from({ length: window.frameCount }, (_, i) => window.data[i * 192]!);
}

Deno.test("windows: a window is full at its 17th frame and never holds more", async () => {
  const windower = new Windower({ width: 8, height: 8 });
  const given: number[] = [];
  let i = 0;
  for await (const frame of numbered(40)) {
    if (windower.push(frame)) given.push(i);
    assert(windower.pending <= 16);
    i++;
  }
  assert.deepEqual(given, [16, 33]);
});

Deno.test("windows: window k holds frames 17k to 17k + 16", async () => {
  const windows = await collect(17 * 4);
  assert.equal(windows.length, 4);
  for (const [k, window] of windows.entries()) {
    assert.equal(window.sequence, k);
    assert.deepEqual(ids(window), Array.from({ length: 17 }, (_, i) => 17 * k + i));
    assert.deepEqual(window.times, Array.from({ length: 18 }, (_, i) => (17 * k + i) / 25));
  }
});

Deno.test("windows: tail pad repeats the last frame and says how many are valid", async () => {
  const [, last] = await collect(20);
  assert.deepEqual(ids(last!), [17, 18, ...Array(15).fill(19)]);
  assert.equal(last!.validFrames, 3);
  assert.deepEqual(last!.times, [17 / 25, 18 / 25, 19 / 25, 20 / 25]);
});

Deno.test("windows: tail exact loses up to 3 frames, as the original does", async () => {
  for (const [frames, kept] of [[1, 1], [2, 1], [4, 1], [5, 5], [8, 5], [13, 13], [16, 13]]) {
    const [window] = await collect(frames!, "exact");
    assert.equal(window!.frameCount, frames);
    assert.equal(window!.validFrames, kept);
    assert.equal(reconstructedFrames(frames!), kept);
    assert.equal(window!.times.length, kept! + 1);
  }
});

Deno.test("windows: tail drop drops the rest; a clip of full windows has no tail", async () => {
  assert.equal((await collect(33, "drop")).length, 1);
  for (const tail of ["pad", "exact", "drop"] as const) {
    assert.equal((await collect(34, tail)).length, 2);
    assert.equal((await collect(0, tail)).length, 0);
  }
});

Deno.test("windows: frames out of order are refused", () => {
  const windower = new Windower({ width: 8, height: 8 });
  const frame = { width: 8, height: 8, data: new Uint8Array(192), pts: 1, duration: 0.1 };
  windower.push(frame);
  assert.throws(() => windower.push({ ...frame, pts: 0.5 }), VideoVqError);
});

Deno.test("windows: sides that no network takes are refused", () => {
  assert.throws(() => new Windower({ width: 100, height: 128 }), RangeError);
  assert.throws(() => new Windower({ width: 128, height: 4096 }), RangeError);
});
