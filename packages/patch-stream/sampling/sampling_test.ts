import { random } from "#testing/fuzz.ts";
import assert from "node:assert/strict";
import { sampleByIndex, sampleByTime } from "./sampling.ts";

const DEMO = [0, 7, 15, 22, 30, 38, 45, 53, 60, 68, 76, 83, 91, 98, 106, 114];

Deno.test("sampleByIndex() spreads samples from the first frame to the last", () => {
  assert.deepEqual(sampleByIndex(115, 16), DEMO);
  assert.deepEqual(sampleByIndex(115, 16, "reference"), DEMO);
  assert.deepEqual(sampleByIndex(115, 1), [0]);
  assert.deepEqual(sampleByIndex(1, 3), [0, 0, 0]);
  assert.deepEqual(sampleByIndex(5, 16), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4]);
});

Deno.test("sampleByIndex() always ends at the last frame, where the reference rule may not", () => {
  assert.equal(sampleByIndex(4, 48).at(-1), 3);
  assert.equal(sampleByIndex(4, 48, "reference").at(-1), 2);
});

Deno.test("sampleByIndex() is what whole numbers give", () => {
  const next = random(1);
  for (let i = 0; i < 300; i++) {
    const frames = 1 + Math.floor(next() * 1e6);
    const count = 2 + Math.floor(next() * 300);
    const ids = sampleByIndex(frames, count);
    ids.forEach((id, n) => {
      assert.equal(BigInt(id), BigInt(n) * BigInt(frames - 1) / BigInt(count - 1));
    });
  }
});

Deno.test("sampleByTime() takes the frame that is shown", () => {
  const even = Array.from({ length: 115 }, (_, i) => i / 30);
  assert.deepEqual(sampleByTime(even, 16), DEMO);
  // Three frames in the first tenth of a second, one that stands for the rest of the two seconds.
  assert.deepEqual(sampleByTime([0, 0.05, 0.1, 2], 5), [0, 2, 2, 2, 3]);
  assert.deepEqual(sampleByTime([0.4], 3), [0, 0, 0]);
});

Deno.test("sampling refuses what is no number of frames", () => {
  for (const [frames, count] of [[0, 4], [4, 0], [4, 1.5], [NaN, 4], [4, -1]] as const) {
    assert.throws(() => sampleByIndex(frames, count), RangeError);
  }
  assert.throws(() => sampleByTime([], 2), RangeError);
});
