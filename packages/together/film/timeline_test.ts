import assert from "node:assert/strict";
import { Timeline } from "./timeline.ts";

const at = (timeline: Timeline, streamId: string, pts: number) => timeline.at({ streamId, pts });

Deno.test("timeline: a film from its beginning keeps its times, whichever track comes first", () => {
  for (const first of [0.04, 0, 1.9]) {
    const timeline = new Timeline();
    assert.equal(at(timeline, "a", first), first);
    assert.equal(at(timeline, "a", 3.5), 3.5);
  }
});

Deno.test("timeline: one that is joined late begins with what comes first", () => {
  const timeline = new Timeline();
  assert.equal(at(timeline, "a", 7), 0);
  assert.equal(at(timeline, "a", 6.5), -0.5);
  assert.equal(at(timeline, "a", 9), 2);
});

Deno.test("timeline: a film that follows another begins where that one ended, with both its tracks", () => {
  const timeline = new Timeline();
  at(timeline, "a", 0);
  timeline.reached(5);
  timeline.reached(4);
  assert.equal(at(timeline, "b", 0), 5);
  timeline.reached(6);
  assert.equal(at(timeline, "b", 0.5), 5.5);
  assert.equal(at(timeline, "a", 5), 5, "what is left of the one before stays where it was");
});

Deno.test("timeline: a time beyond everything follows at once, and films are forgotten one by one", () => {
  const timeline = new Timeline();
  at(timeline, "a", 0);
  timeline.reached(2);
  assert.equal(at(timeline, "a", 1e9), 2);
  assert.equal(at(timeline, "a", 1e9 + 1), 3);
  for (let i = 0; i < 100; i++) at(timeline, `${i}`, 0);
  timeline.reached(10);
  assert.equal(at(timeline, "99", 1), 3);
  assert.equal(at(timeline, "0", 1), 11);
});
