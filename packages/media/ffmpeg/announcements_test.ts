import assert from "node:assert/strict";
import type { StreamFacts } from "./backend.ts";
import { Announcements } from "./backend_ffmpeg.ts";

const facts = { timeBase: [1, 25], codec: "h264" } as unknown as StreamFacts;
const frame = (n: number) =>
  `[showinfo @ 0x1] n: ${n} pts: ${n} pts_time:0 fmt:gray sar:1/1 s:4x4 i:P iskey:0 type:P`;

/** Which of the frames that were announced count as damaged. */
async function damagedOf(lines: readonly string[]): Promise<number[]> {
  const announcements = new Announcements(facts);
  for (const line of lines) announcements.read(line);
  announcements.end();
  const damaged: number[] = [];
  for (let next = await announcements.next(); next; next = await announcements.next()) {
    if (next.damaged) damaged.push(next.ticks!);
  }
  return damaged;
}

Deno.test("after a decoder's complaint the next 32 frames are suspected, and no more", async () => {
  const frames = Array.from({ length: 60 }, (_, n) => frame(n));
  assert.deepEqual(await damagedOf(frames), []);
  const complaint = "[h264 @ 0x55d0] [error] error while decoding MB 3 4";
  const damaged = await damagedOf(frames.toSpliced(5, 0, complaint));
  assert.deepEqual(damaged, Array.from({ length: 32 }, (_, i) => 5 + i));
  const twice = await damagedOf(frames.toSpliced(20, 0, complaint).toSpliced(5, 0, complaint));
  assert.deepEqual(twice, Array.from({ length: 47 }, (_, i) => 5 + i));
});
