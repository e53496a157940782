import assert from "node:assert/strict";
import { type ScoredClip, type SelectionOptions, selectPatches } from "./select.ts";

const base: SelectionOptions = { kKeep: 3, unit: "patch", keyFrames: "all", ties: "lowest" };

/** Three frames of 2 by 4 patches; the middle one is a key frame. */
const clip: ScoredClip = {
  gridW: 4,
  gridH: 2,
  isKey: [false, true, false],
  scores: Float32Array.from([
    ...[0, 9, 0, 0, 0, 0, 0, 8],
    ...[1, 2, 3, 4, 5, 6, 7, 8],
    ...[0, 0, 0, 0, 9, 9, 9, 0],
  ]),
};
const select = (options: Partial<SelectionOptions>, from = clip) => [
  ...selectPatches(from, { ...base, ...options }),
];

Deno.test("selectPatches() gives key frames their places first", () => {
  assert.deepEqual(select({ kKeep: 3 }), [13, 14, 15]);
  assert.deepEqual(select({ kKeep: 10 }), [1, 8, 9, 10, 11, 12, 13, 14, 15, 20]);
});

Deno.test("selectPatches() follows the key frame policy", () => {
  assert.deepEqual(select({ keyFrames: "score", kKeep: 4 }), [1, 20, 21, 22]);
  assert.deepEqual(select({ keyFrames: { fraction: 0.5 }, kKeep: 4 }), [1, 14, 15, 20]);
  const two = { ...clip, isKey: [true, true, false] };
  assert.deepEqual(select({ keyFrames: "first", kKeep: 9 }, two), [0, 1, 2, 3, 4, 5, 6, 7, 20]);
});

Deno.test("selectPatches() keeps nothing, everything, and no more than there is", () => {
  assert.deepEqual(select({ kKeep: 0 }), []);
  const all = Array.from({ length: 24 }, (_, i) => i);
  assert.deepEqual(select({ kKeep: 24 }), all);
  assert.deepEqual(select({ kKeep: 1e9 }), all);
});

Deno.test("selectPatches() takes the lower index of equal scores", () => {
  const flat = { ...clip, scores: new Float32Array(24) };
  assert.deepEqual(select({ keyFrames: "score", kKeep: 5 }, flat), [0, 1, 2, 3, 4]);
});

Deno.test("selectPatches() keeps blocks whole: top left, top right, bottom left, bottom right", () => {
  const options = { unit: "block2x2", keyFrames: "score", kKeep: 8 } as const;
  assert.deepEqual(select(options), [10, 11, 14, 15, 16, 17, 20, 21]);
});

const rule = { absolute: 2, relative: 0.15, frames: 1 };

Deno.test("selectPatches() keeps whole frames of a still clip", () => {
  const still = { rule, change: new Float32Array(24).fill(0.001) };
  assert.deepEqual(select({ still, kKeep: 16 }), Array.from({ length: 16 }, (_, i) => i));
  // Where something happens the scores count.
  const moving = { rule, change: new Float32Array(24).fill(0.5) };
  assert.deepEqual(select({ still: moving, kKeep: 9 }), [1, 8, 9, 10, 11, 12, 13, 14, 15]);
  const off = { rule: { ...rule, frames: 0 }, change: still.change };
  assert.deepEqual(select({ still: off, kKeep: 9 }), [1, 8, 9, 10, 11, 12, 13, 14, 15]);
});

Deno.test("selectPatches() raises no frame of a still clip twice, however many are asked for", () => {
  const scores = clip.scores.map((_, i) => i);
  const still = { rule: { ...rule, frames: 3 }, change: new Float32Array(24).fill(0.001) };
  // Both frames that are not key are raised alike: the scores among them count.
  const options = { still, keyFrames: "score", kKeep: 8 } as const;
  assert.deepEqual(select(options, { ...clip, scores }), [16, 17, 18, 19, 20, 21, 22, 23]);
});

/** Limits that limit nothing. */
const open = { minScore: 0, leastPerFrame: 0, mostPerFrame: Infinity, energy: Infinity };
const limited = (limits: Partial<typeof open>, options: Partial<SelectionOptions> = {}) =>
  select({ kKeep: 24, keyFrames: "score", limits: { ...open, ...limits }, ...options });

Deno.test("selectPatches() keeps no score below the least, but those of key frames", () => {
  assert.deepEqual(limited({ minScore: 8 }), [1, 7, 15, 20, 21, 22]);
  const all = limited({ minScore: 9 }, { keyFrames: "all" });
  assert.deepEqual(all, [1, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 22]);
});

Deno.test("selectPatches() keeps so many of each frame at least and at most", () => {
  assert.deepEqual(limited({ leastPerFrame: 1 }, { kKeep: 4 }), [1, 15, 20, 21]);
  assert.deepEqual(limited({ leastPerFrame: 2, minScore: 10 }), [1, 7, 14, 15, 20, 21]);
  assert.deepEqual(limited({ mostPerFrame: 1 }), [1, 15, 20]);
  assert.deepEqual(limited({ mostPerFrame: 2 }, { keyFrames: "all" }), [1, 7, 14, 15, 20, 21]);
  assert.deepEqual(limited({ leastPerFrame: 3, mostPerFrame: 1 }), [1, 15, 20]);
});

Deno.test("selectPatches() keeps a share of the energy, with as few patches as do", () => {
  // All of it is 80: the best are 9 four times, 8 twice, 7.
  assert.deepEqual(limited({ energy: 0.45 }), [1, 20, 21, 22]);
  assert.deepEqual(limited({ energy: 0.46 }), [1, 7, 20, 21, 22]);
  assert.deepEqual(limited({ energy: 1 }, { kKeep: 2 }), [1, 20]);
  assert.deepEqual(limited({ energy: 0 }), []);
  assert.equal(limited({ energy: 1 }).length, 13);
});

Deno.test("selectPatches() counts patches in limits, in blocks too", () => {
  // Sums of blocks: 9, 8; 14, 22; 18, 9.
  const blocks = { unit: "block2x2" } as const;
  assert.deepEqual(limited({ minScore: 4.5 }, blocks), [10, 11, 14, 15, 16, 17, 20, 21]);
  assert.equal(limited({ mostPerFrame: 7 }, blocks).length, 12);
  assert.equal(limited({ leastPerFrame: 5, minScore: 99 }, blocks).length, 24);
});
