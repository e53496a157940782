import assert from "node:assert/strict";
import { OverlapAdd } from "./overlap_add.ts";

const segment = (length: number, value: number) => [new Float32Array(length).fill(value)];

Deno.test("segments fade over 480 samples and are untouched elsewhere", () => {
  const join = new OverlapAdd({ length: 48000, stride: 47520 });
  join.push(segment(48000, 1));
  const [second] = join.push(segment(48000, 2));
  assert.equal(second!.length, 47520);
  assert.ok(Math.abs(second![0]! - (480 + 2) / 481) < 1e-6);
  assert.ok(Math.abs(second![479]! - (1 + 2 * 480) / 481) < 1e-6);
  assert.ok(second!.subarray(480).every((v) => v === 2));
});

Deno.test("a tail longer than the segment behind it is cut", () => {
  const join = new OverlapAdd({ length: 48000, stride: 47520 });
  join.push(segment(47520 + 300, 1));
  assert.deepEqual(join.push(segment(300, 1)).map((c) => c.length), [300]);
  assert.deepEqual(join.flush().map((c) => c.length), [0]);
});

Deno.test("a single segment passes as it is", () => {
  const join = new OverlapAdd({ length: 320, stride: 47520 });
  assert.deepEqual(join.push(segment(100, 3)), segment(100, 3));
  assert.deepEqual(join.flush(), [new Float32Array(0)]);
});
