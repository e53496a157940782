import assert from "node:assert/strict";
import { batchesOf, ListOrder } from "./list_order.ts";
import type { VideoFrame } from "./video_types.ts";

const frame = (index: number): VideoFrame => ({
  ...{ index, pts: index, duration: 1, width: 1, height: 1, keyframe: false },
  data: Uint8Array.of(index),
});

/** Adds frames; gives what came out at each and how many are held then: "1:2,1 (0)". */
function delivered(list: number[], come: number[]): string[] {
  const order = new ListOrder(list);
  const line = (head: unknown, frames: Iterable<VideoFrame>) =>
    `${head}:${Array.from(frames, ({ data }) => data[0])} (${order.held})`;
  return [...come.map((index) => line(index, order.add(frame(index)))), line("end", order.rest())];
}

Deno.test("ListOrder holds a frame from when it comes until its last use, and no longer", () => {
  assert.deepEqual(delivered([2, 0, 1, 3], [0, 1, 2, 3]), [
    "0: (1)",
    "1: (2)",
    "2:2,0,1 (0)",
    "3:3 (0)",
    "end: (0)",
  ]);
  assert.deepEqual(delivered([1, 1, 0, 1], [0, 1]), ["0: (1)", "1:1,1,0,1 (0)", "end: (0)"]);
});

Deno.test("ListOrder gives copies of a frame but for the last time", () => {
  const order = new ListOrder([0, 0]);
  const only = frame(0);
  const [first, second] = [...order.add(only)];
  assert.notEqual(first!.data, only.data);
  assert.equal(second!.data, only.data);
});

Deno.test("ListOrder passes frames that never came", () => {
  assert.deepEqual(delivered([2, 0, 1], [0, 1]), ["0: (1)", "1: (2)", "end:0,1 (0)"]);
});

Deno.test("ListOrder asks for each frame once, ascending", () => {
  assert.deepEqual(new ListOrder([10, 2, 10, 1]).ascending, [1, 2, 10]);
});

Deno.test("batchesOf() puts at most so many different frames into a batch, however often they come", () => {
  const batches = (size: number, ...list: number[]) => [...batchesOf(list, size)];
  assert.deepEqual(batches(2, 9, 8, 8, 9, 7, 9), [[9, 8, 8, 9], [7, 9]]);
  assert.deepEqual(batches(1, 3, 3, 2), [[3, 3], [2]]);
  assert.deepEqual(batches(16), []);
});
