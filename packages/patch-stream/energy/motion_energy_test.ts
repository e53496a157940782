import type { FrameMotion } from "@vcs/media/video_reader";
import assert from "node:assert/strict";
import { MotionEnergy } from "./motion_energy.ts";

const frame = { width: 64, height: 32, turn: 0, mirrored: false };
const size = { width: 16, height: 8 };
const index = Array.from({ length: 6 }, (_, i) => ({
  pts: i / 10,
  duration: 0.1,
  keyframe: i === 0,
  size: i === 0 ? 9000 : 1000,
}));

/** A frame of 16 by 16 blocks that all move alike, apart from those given by number. */
function motion(
  frame: number,
  pan: [number, number],
  others: Record<number, [number, number] | undefined>,
): FrameMotion {
  const blocks = Array.from({ length: 8 }, (_, n) => n).filter((n) => !(n in others) || others[n]);
  const of = (n: number) => others[n] ?? pan;
  return {
    index: frame,
    pts: frame / 10,
    keyframe: false,
    vectors: {
      length: blocks.length,
      source: Int32Array.from(blocks, () => -1),
      width: Uint8Array.from(blocks, () => 16),
      height: Uint8Array.from(blocks, () => 16),
      x: Int16Array.from(blocks, (n) => 16 * (n % 4) + 8),
      y: Int16Array.from(blocks, (n) => 16 * Math.floor(n / 4) + 8),
      dx: Float32Array.from(blocks, (n) => of(n)[0]),
      dy: Float32Array.from(blocks, (n) => of(n)[1]),
    },
  };
}
/** Energy in the middle of a block. */
const at = (energy: Float32Array, block: number) =>
  energy[(4 * Math.floor(block / 4) + 2) * size.width + 4 * (block % 4) + 2]!;

Deno.test("MotionEnergy takes the camera's own motion off", () => {
  const energy = new MotionEnergy(size, frame, index);
  energy.add(motion(1, [5, -2], { 6: [13, 4] }));
  const map = energy.take();
  assert.equal(at(map, 0), 0);
  assert.ok(at(map, 6) > 0.25);
});

Deno.test("MotionEnergy adds up the frames between samples, and starts anew after each", () => {
  const once = new MotionEnergy(size, frame, index);
  once.add(motion(1, [0, 0], { 2: [1, 0] }));
  const thrice = new MotionEnergy(size, frame, index);
  for (const frame of [1, 2, 3]) thrice.add(motion(frame, [0, 0], { 2: [1, 0] }));
  assert.ok(at(thrice.take(), 2) > at(once.take(), 2));
  assert.ok(thrice.take().every((value) => value === 0));
});

Deno.test("MotionEnergy counts what could not be predicted as new", () => {
  const energy = new MotionEnergy(size, frame, index);
  energy.add(motion(1, [0, 0], { 3: undefined }));
  const map = energy.take();
  assert.ok(at(map, 3) > 0.25);
  assert.equal(at(map, 4), 0);
});

Deno.test("MotionEnergy weighs frames by the bytes they took", () => {
  const heavy = index.map((frame) => ({ ...frame, size: frame.pts === 0.1 ? 8000 : 1000 }));
  const energyOf = (frames: typeof index) => {
    const energy = new MotionEnergy(size, frame, frames);
    energy.add(motion(1, [0, 0], { 1: [0.3, 0] }));
    return at(energy.take(), 1);
  };
  assert.ok(energyOf(heavy) > energyOf(index));
});

Deno.test("MotionEnergy lies upright where the frame does", () => {
  const upright = { width: 8, height: 16 };
  // Block 0 is the stored frame's top left.
  const corners = { 90: 7, 270: 8 * 15 } as const;
  for (const [turn, corner] of Object.entries(corners)) {
    const energy = new MotionEnergy(upright, { ...frame, turn: Number(turn) }, index);
    energy.add(motion(1, [0, 0], { 0: [9, 0] }));
    const map = energy.take();
    const moving = Array.from(map.keys()).filter((n) => map[n]! > 0);
    assert.equal(moving.length, 16);
    assert.ok(moving.includes(corner), `${turn} degrees`);
  }
  const flipped = new MotionEnergy(upright, { ...frame, turn: 90, mirrored: true }, index);
  flipped.add(motion(1, [0, 0], { 0: [9, 0] }));
  assert.ok(flipped.take()[0]! > 0.25);
  const over = new MotionEnergy(size, { ...frame, turn: 180 }, index);
  over.add(motion(1, [0, 0], { 0: [9, 0] }));
  assert.ok(at(over.take(), 7) > 0.25);
});
