import assert from "node:assert/strict";
import { needs } from "#testing/shared.ts";
import {
  ManualClock,
  type Message,
  messageTensors,
  openReceiver,
  tensor,
  tensorMessage,
} from "@vcs/transport";
import { hasBroker, startBroker } from "../../transport/trial/brokers.ts";
import { freePort } from "../../transport/site/free_port.ts";
import { DriftTracker } from "../drift.ts";
import { Hub } from "../page/hub.ts";
import { fileFrame } from "../source.ts";
import type { WatchedFrame } from "../watch.ts";
import { Mirror } from "./mirror.ts";
import { Publisher } from "./publish.ts";

const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xd9);

function watched(index: number): WatchedFrame {
  const tracker = new DriftTracker();
  const embedding = Float32Array.of(0.6, 0.8);
  const picture = { dark: 0.25, covered: 0, blurred: 0, moved: 0, turned: 0, frozen: 0 };
  return {
    ...{ index, timestamp: 1e9 + index, embedding, alerts: [], hasContent: true },
    ...{ duplicate: false, recent: tracker.recent, total: tracker.total },
    row: { ...tracker.push(embedding, index), ...picture },
    frame: fileFrame(JPEG, 0),
  };
}

async function until(isIt: () => boolean | undefined): Promise<void> {
  while (!isIt()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** A process that watches a camera and publishes it. */
function watching(url: string, name: string) {
  const hub = new Hub(10);
  const feed = hub.add(name);
  const lines: string[] = [];
  const publisher = new Publisher(hub, url, { say: (line) => void lines.push(line) });
  const close = () => publisher[Symbol.asyncDispose]();
  return { hub, feed, publisher, lines, [Symbol.asyncDispose]: close };
}

Deno.test({
  name: "publish: cameras of several processes are on one page, gone and back, over real nats",
  ...needs(hasBroker("nats")),
  async fn() {
    await using broker = await startBroker("nats");
    const url = `nats://127.0.0.1:${broker.port}?stream=cameras`;
    const clock = new ManualClock();
    const page = new Hub(10);
    const mirror = new Mirror(page, clock);
    const ending = new AbortController();
    const options = { signal: ending.signal, timeout: Infinity, notice: () => {} };
    await using receiver = await openReceiver(url, options);
    const messages: Message[] = [];
    const receiving = (async () => {
      for await (const message of receiver) {
        messages.push(message);
        mirror.take(message);
      }
    })().catch(() => {});
    const silence = mirror.watch(ending.signal);
    const feedOf = (name: string) => page.feeds.find(({ view }) => view.name === name);
    await using yard = watching(url, "yard");
    {
      await using door = watching(url, "door");
      await until(() => page.feeds.length === 2);
      door.feed.frame(watched(7));
      door.feed.show(JPEG);
      door.feed.note("alert", "scene: cut");
      await until(() => feedOf("door")?.notes.length === 1 && feedOf("door")?.jpeg !== undefined);
    }
    const door = feedOf("door")!;
    assert.deepEqual([door.view.status, door.view.index, door.view.alertCount], ["live", 7, 0]);
    assert.equal(door.view.measures.dark, 0.25);
    assert.deepEqual(door.points, [[1e9 + 7, 0, null, null]]);
    assert.equal(door.notes[0]!.text, "scene: cut");
    assert.deepEqual(door.jpeg, JPEG);
    const embeddings = messages.map((message) => messageTensors(message).get("embedding")?.data)
      .filter((data) => data !== undefined);
    assert.deepEqual(embeddings, [Float32Array.of(0.6, 0.8)]);

    // Of two processes one is silent: its camera is lost, and the same when it is back.
    yard.feed.frame(watched(1));
    await until(() => feedOf("yard")?.view.index === 1);
    await clock.advance(14_000);
    yard.feed.frame(watched(2));
    await until(() => feedOf("yard")?.view.index === 2);
    await clock.advance(1000);
    assert.deepEqual([door.view.status, feedOf("yard")!.view.status], ["lost", "live"]);
    await using back = watching(url, "door");
    back.feed.frame(watched(8));
    await until(() => feedOf("door")?.view.index === 8);
    assert.equal(feedOf("door"), door);
    assert.deepEqual([door.view.status, page.feeds.length], ["live", 2]);

    // The broker is killed; what is watched meanwhile comes when it is back.
    await broker.kill();
    back.feed.frame(watched(9));
    await broker.start();
    await until(() => feedOf("door")?.view.index === 9);
    assert.deepEqual([...back.lines, ...yard.lines].filter((line) => /Cannot/.test(line)), []);
    ending.abort();
    await Promise.all([receiving, silence]);
  },
});

Deno.test("publish: where nobody takes what is sent, the oldest is dropped, and once told", async () => {
  await using door = watching(`tcp://127.0.0.1:${await freePort()}`, "door");
  for (let n = 0; n < 3000; n++) door.feed.note("alert", `note ${n}`);
  await until(() => door.publisher.dropped > 4000);
  assert.equal(door.lines.filter((line) => /the oldest is dropped/.test(line)).length, 1);
});

/** A message of a stranger. */
function strange(state: unknown, streamId = "00000000000000aa"): Message {
  const json = new TextEncoder().encode(JSON.stringify(state));
  return tensorMessage({ state: tensor("U8", [json.length], json) }, { streamId });
}

Deno.test("mirror: only known fields of the right type are shown", () => {
  const hub = new Hub(3);
  const mirror = new Mirror(hub, new ManualClock());
  const view = {
    id: 3,
    name: "door",
    index: 5,
    fps: "x",
    status: "evil",
    measures: { cut: 1, x: 2 },
  };
  mirror.take(strange({ type: "cameras", cameras: [view, 7, null, { id: 1 }, { name: "y" }] }));
  const [door, ...others] = hub.feeds;
  assert.deepEqual(others, []);
  const { id, index, fps, status, measures } = door!.view;
  assert.deepEqual({ id, index, fps, status, measures }, {
    ...{ id: 0, index: 5, fps: 0, status: "connecting", measures: { cut: 1 } },
  });
  for (const point of [[1, 2], [1, 2, "3", null], "1234", [1, null, 1, 1]]) {
    mirror.take(strange({ type: "frame", view, point }));
  }
  mirror.take(strange({ type: "note", camera: 3, note: { type: "a b", time: 1, text: "x" } }));
  mirror.take(strange({ type: "note", camera: 3, note: { type: "alert", time: 1 } }));
  mirror.take(strange("null"));
  mirror.take({ ...strange({}), payload: Uint8Array.of(1, 2, 3) });
  assert.deepEqual([door!.points, door!.notes], [[], []]);
  const many = Array.from({ length: 500 }, (_, id) => ({ id, name: `camera ${id}` }));
  mirror.take(strange({ type: "cameras", cameras: many }, "00000000000000bb"));
  assert.equal(hub.feeds.length, 200);
  mirror.take(strange({ type: "cameras", cameras: [] }, "00000000000000bb"));
  assert.deepEqual(hub.feeds.map(({ view }) => view.name), ["door"]);
});
