import assert from "node:assert/strict";
import { ManualClock } from "../flow/clock.ts";
import { BatchTally, duration, JobsLeft } from "./summary.ts";

function done(key: string) {
  return { key, state: "done", record: { fields: {} } } as const;
}

function failed(key: string, code: string) {
  return { key, state: "failed", failure: { code, message: "" } } as const;
}

Deno.test("a line of progress has the rate of this run, and how long the rest takes", async () => {
  const clock = new ManualClock();
  const tally = new BatchTally(clock);
  assert.equal(tally.line(undefined), "0 items, 0.00/s");
  assert.equal(tally.line(10), "0 of 10 items, 0.00/s");
  // What was done before took no time of this run.
  for (let i = 0; i < 100; i++) tally.add({ key: `${i}`, state: "before" });
  tally.add({ key: "x", state: "failed-before" });
  tally.add({ key: "0", state: "repeated" });
  for (let i = 100; i < 103; i++) tally.add(done(`${i}`));
  tally.add(failed("bad", "format"));
  await clock.advance(8_000);
  assert.equal(tally.line(undefined), "105 items, 0.50/s, 2 failed");
  assert.equal(tally.line(205), "105 of 205 items, 0.50/s, 3 min 20 s left, 2 failed");
  for (let i = 0; i < 96; i++) tally.add(done(`more ${i}`));
  assert.equal(tally.line(undefined), "201 items, 13/s, 2 failed");
  tally.add(failed("bad", "format"));
  tally.add(failed("bad", "limit"));
  assert.deepEqual(tally.kinds, { format: 2, limit: 1 });
});

Deno.test("what is left of a queue takes as long as all of its workers make it", async () => {
  const clock = new ManualClock();
  const left = new JobsLeft(clock);
  assert.equal(left.text, "");
  left.note(100);
  assert.equal(left.text, "100 jobs in the queue");
  await clock.advance(10_000);
  left.note(80);
  assert.equal(left.text, "80 jobs in the queue, 40 s left");
  // Others were submitted: what was before says nothing of how fast it goes.
  left.note(1000);
  assert.equal(left.text, "1000 jobs in the queue");
  await clock.advance(100_000);
  left.note(900);
  assert.equal(left.text, "900 jobs in the queue, 15 min 0 s left");
});

Deno.test("times are said to two units", () => {
  const texts = [-1, 0.4, 59.6, 3599, 3600, 86399, 90000].map(duration);
  assert.deepEqual(texts, [
    ...["0 s", "0 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "23 h 59 min", "1 d 1 h"],
  ]);
});
