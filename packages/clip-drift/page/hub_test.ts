import assert from "node:assert/strict";
import { FakeTime } from "#testing/fake_time.ts";
import { DriftTracker } from "../drift.ts";
import { Hub } from "./hub.ts";
import { fileFrame } from "../source.ts";
import type { WatchedFrame } from "../watch.ts";

const tracker = new DriftTracker();
const PICTURE = { dark: 0, covered: 0, blurred: 0, moved: 0, turned: 0, frozen: 0 };

function watched(index: number): WatchedFrame {
  const embedding = Float32Array.of(1, index);
  return {
    ...{ index, timestamp: index, embedding },
    row: { ...tracker.push(embedding, index), ...PICTURE },
    ...{
      alerts: [],
      duplicate: false,
      hasContent: true,
      recent: tracker.recent,
      total: tracker.total,
    },
    frame: fileFrame(Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), 0),
  };
}

Deno.test("a feed keeps the last points, notes and snapshots, however many come", () => {
  const feed = new Hub(3).add("front door");
  for (let n = 0; n < 100; n++) {
    feed.frame(watched(n));
    feed.note("alert", `note ${n}`);
    feed.snapshot(`${n}.jpg`);
  }
  assert.deepEqual(feed.points.map(([time]) => time), [97, 98, 99]);
  assert.equal(feed.notes.length, 50);
  assert.equal(feed.notes[0]!.text, "note 50");
  assert.equal(feed.view.snapshots.length, 12);
  assert.equal(feed.view.snapshots[0], "88.jpg");
});

Deno.test("frames a second are those of the last 30 frames", async () => {
  using time = new FakeTime();
  const feed = new Hub(3).add("front door");
  feed.frame(watched(0));
  assert.equal(feed.view.fps, 0);
  const after = async (count: number, pause: number) => {
    for (let n = 0; n < count; n++) {
      await time.advance(pause);
      feed.frame(watched(n));
    }
    return feed.view.fps;
  };
  assert.equal(await after(40, 100), 10);
  assert.equal(await after(15, 300), 5);
  assert.equal(await after(15, 300), 1000 / 300);
});

Deno.test("a camera keeps its number when others go, and a new one has a number of its own", () => {
  const hub = new Hub(3);
  const [a, b] = [hub.add("a"), hub.add("b")];
  hub.remove(a);
  const ids = Array.from({ length: 600 }, () => {
    const feed = hub.add("c");
    hub.remove(feed);
    return feed.view.id;
  });
  assert.equal(b.view.id, 1);
  assert.equal(ids[0], 2);
  assert.ok(ids.every((id) => id !== 1 && id < 256));
});
