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
