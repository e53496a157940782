import assert from "node:assert/strict";
import type { PacketRecord, StreamFacts } from "../ffmpeg/backend.ts";
import {
  framesBetween,
  indexCountedFrames,
  indexPackets,
  keyframeBefore,
  planStretches,
} from "./video_index.ts";

const FACTS: StreamFacts = {
  container: "mov,mp4",
  stream: 0,
  codec: "h264",
  width: 64,
  height: 48,
  pixelFormat: "yuv420p",
  rotation: 0,
  mirrored: false,
  sampleAspectRatio: [1, 1],
  timeBase: [1, 100],
  startTime: 0,
  frameRate: 25,
  declaredFrames: 0,
  colorMatrix: "unknown",
  colorTransfer: "unknown",
  colorRange: "unknown",
  fieldOrder: "progressive",
};

/** Packets in decode order from their times; keys are marked by position. */
function packets(ticks: (number | undefined)[], keys: number[], hidden: number[] = []) {
  return ticks.map((time, i): PacketRecord => ({
    ticks: time,
    decodeTicks: undefined,
    duration: 4,
    size: 100 + i,
    keyframe: keys.includes(i),
    shown: !hidden.includes(i),
  }));
}

/** Two groups of frames with B-frames: I P B B, twice. */
const TWO_GROUPS = packets([0, 12, 4, 8, 16, 28, 20, 24], [0, 4]);

Deno.test("indexPackets() puts frames in the order they are shown in", () => {
  const index = indexPackets({ facts: FACTS, packets: TWO_GROUPS })!;
  assert.deepEqual(index.frames.map(({ pts }) => Math.round(pts * 100)), [
    0,
    4,
    8,
    12,
    16,
    20,
    24,
    28,
  ]);
  assert.deepEqual([...index.order], [0, 2, 3, 1, 4, 6, 7, 5]);
  assert.deepEqual(index.frames.map(({ keyframe }) => keyframe).indexOf(true, 1), 4);
  assert(index.frames.every(({ duration }) => Math.abs(duration - 0.04) < 1e-12));
  assert.equal(index.frames[1]!.size, 102);
});

Deno.test("indexPackets() leaves out packets that are never shown", () => {
  const cut = packets([0, 4, 8], [0], [1]);
  const index = indexPackets({ facts: { ...FACTS, startTime: 0.02 }, packets: cut })!;
  assert.deepEqual(index.frames.map(({ pts, duration }) => [pts, duration]), [
    [-0.02, 0.08],
    [0.06, 0.04],
  ]);
});

Deno.test("indexPackets() gives up where a packet has no time", () => {
  assert.equal(indexPackets({ facts: FACTS, packets: packets([0, undefined], [0]) }), undefined);
});

Deno.test("indexCountedFrames() gives every frame a later time than the one before", () => {
  const counted = [undefined, 4, 4, undefined].map((ticks) => ({ ticks, keyframe: false }));
  const index = indexCountedFrames(counted, { facts: FACTS, packets: [] });
  assert.deepEqual(index.frames.map(({ pts }) => Math.round(pts * 1000)), [0, 40, 80, 120]);
  assert.equal(index.timed, false);
});

Deno.test("indexCountedFrames() puts a recording that starts over after the one before", () => {
  const counted = [100, 104, 108, 20, 26, 30].map((ticks) => ({ ticks, keyframe: false }));
  const shown = packets([100, 104, 108, 20, 26, 30], [0, 3]);
  const index = indexCountedFrames(counted, { facts: { ...FACTS, startTime: 1 }, packets: shown });
  const times = index.frames.map(({ pts }) => Math.round(pts * 1000));
  assert.deepEqual(times, [0, 40, 80, 120, 180, 220]);
});

Deno.test("indexCountedFrames() counts by the rate where the file has no time at all", () => {
  const counted = [2, 7, 13].map((ticks) => ({ ticks, keyframe: false }));
  const bare = packets([undefined, undefined, undefined], [0]);
  const index = indexCountedFrames(counted, { facts: FACTS, packets: bare });
  assert.deepEqual(index.frames.map(({ pts }) => pts), [0, 0.04, 0.08]);
  // With times of decoding alone, a decoder's times come of them.
  const ordered = bare.map((packet, i) => ({ ...packet, decodeTicks: 4 * i }));
  const timed = indexCountedFrames(counted, { facts: FACTS, packets: ordered });
  assert.deepEqual(timed.frames.map(({ pts }) => pts), [0.02, 0.07, 0.13]);
});

Deno.test("indexPackets() seeks to no key frame whose time others have, and skips none then", () => {
  const shared = indexPackets({ facts: FACTS, packets: packets([0, 4, 4, 8, 8, 12], [0, 2, 5]) })!;
  assert.deepEqual(shared.entries, [true, false, false, false, false, true]);
  assert.equal(shared.sparse, false);
  const distinct = indexPackets({ facts: FACTS, packets: packets([0, 4, 8], [0, 2]) })!;
  assert.deepEqual([distinct.entries, distinct.sparse], [[true, false, true], true]);
});

Deno.test("indexPackets() seeks only in codecs whose key frames stand for themselves", () => {
  const entries = (changes: Partial<StreamFacts>) =>
    indexPackets({ facts: { ...FACTS, ...changes }, packets: packets([0, 4], [0, 1]) })!.entries;
  assert.deepEqual(entries({}), [true, true]);
  assert.deepEqual(entries({ codec: "cinepak" }), [false, false]);
  assert.deepEqual(entries({ codec: "rawvideo", pixelFormat: "pal8" }), [false, false]);
});

Deno.test("keyframeBefore() finds where decoding of a frame starts", () => {
  const index = indexPackets({ facts: FACTS, packets: TWO_GROUPS })!;
  assert.deepEqual([0, 3, 4, 7].map((frame) => keyframeBefore(index, frame)), [-1, -1, 4, 4]);
});

Deno.test("keyframeBefore() does not start at a key frame that is counted later", () => {
  // An open group: frames 1 and 2 are shown before the key frame 3, and counted after it.
  const open = packets([0, 12, 4, 8], [0, 1]);
  const index = indexPackets({ facts: FACTS, packets: open })!;
  assert.deepEqual([1, 2, 3].map((frame) => keyframeBefore(index, frame)), [-1, -1, 3]);
});

/** An index of n frames without reordering, with a key frame at every multiple of `group`. */
function plainIndex(n: number, group: number) {
  const all = Array.from({ length: n }, (_, i) => i);
  const keys = all.filter((i) => i % group === 0);
  return indexPackets({ facts: FACTS, packets: packets(all.map((i) => i * 4), keys) })!;
}

Deno.test("planStretches() seeks where that decodes fewer frames, and decodes on where not", () => {
  const index = plainIndex(100, 20);
  assert.deepEqual(planStretches(index, [0, 1, 95], undefined, 3), [
    { from: -1, frames: [0, 1], cost: 2 },
    { from: 80, frames: [95], cost: 16 },
  ]);
  assert.deepEqual(planStretches(index, [18, 21], undefined, 3).length, 1);
  assert.deepEqual(planStretches(index, [18, 21], undefined, 0).length, 2);
});

Deno.test("planStretches() goes on from where a decoder stands", () => {
  const index = plainIndex(100, 20);
  assert.equal(planStretches(index, [30], 25, 3)[0]!.from, undefined);
  assert.equal(planStretches(index, [30], 31, 3)[0]!.from, 20);
  assert.equal(planStretches(index, [90], 25, 3)[0]!.from, 80);
});

Deno.test("planStretches() never decodes more than either plain way", () => {
  for (const group of [1, 7, 50, 1000]) {
    const index = plainIndex(300, group);
    for (const step of [1, 3, 19, 100]) {
      const ids = Array.from({ length: Math.ceil(300 / step) }, (_, i) => i * step);
      const cost = planStretches(index, ids, undefined, 0).reduce((sum, s) => sum + s.cost, 0);
      const linear = ids.at(-1)! + 1;
      const seeking = ids.reduce((sum, id) => sum + id - Math.floor(id / group) * group + 1, 0);
      assert(cost <= Math.min(linear, seeking), `${cost} of ${linear} and ${seeking}`);
    }
  }
});

Deno.test("framesBetween() has the first time, and not the last", () => {
  const pts = [0, 0.1, 0.2, 0.30000000000000004, 0.4];
  assert.deepEqual(framesBetween(pts), { start: 0, end: 5 });
  assert.deepEqual(framesBetween(pts, 0.1, 0.3), { start: 1, end: 3 });
  assert.deepEqual(framesBetween(pts, 0.30000000000000010), { start: 3, end: 5 });
  assert.throws(
    () => framesBetween(pts, 0.5),
    /found none from 0.5 s, the video shows 0 s to 0.4 s/,
  );
  assert.throws(() => framesBetween(pts, 0.11, 0.19), /from 0.11 s before 0.19 s/);
  assert.deepEqual(framesBetween([]), { start: 0, end: 0 });
});
