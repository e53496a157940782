import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { encodeMessage, message, newStreamId } from "../../message.ts";
import { type Clock, ManualClock } from "../../flow/clock.ts";
import { Inbox } from "../inbox.ts";
import type { KafkaMessage, KafkaStream } from "./client.ts";
import { deliver } from "./deliver.ts";

/** A consumer whose group lets it in with a stream, when that is there. */
class Consumer extends EventEmitter {
  /** Id of the topic that has the name now. */
  id = "of the group";
  readonly stream = new Readable({ objectMode: true, read: () => {} }) as Readable & KafkaStream;
  letIn: (error: null, stream: KafkaStream) => void = () => {};

  consume(_: object, callback: Consumer["letIn"]): void {
    this.letIn = callback;
  }

  metadata() {
    return Promise.resolve({ topics: new Map([["vcs", { id: this.id, partitionsCount: 1 }]]) });
  }
}

/** What a membership comes to. */
function session(
  consumer: Consumer,
  inbox: Inbox,
  signal: AbortSignal,
  timeout: number,
  clock: Clock = new ManualClock(),
): Promise<unknown> {
  const membership = { consumer, inbox, signal, topic: "vcs", id: "of the group", limit: 3 };
  return deliver({ ...membership, timeout, clock, connected() {} }).then(
    () => undefined,
    (error) => error,
  );
}

/** A member that was given one message, and is given no other. */
async function member(commit: () => Promise<void>, timeout = 600_000, clock?: Clock) {
  const value = encodeMessage(message(new Uint8Array(1), { streamId: newStreamId() }));
  const given: KafkaMessage = { partition: 0, value, commit };
  const [consumer, inbox, stopping] = [new Consumer(), new Inbox(100), new AbortController()];
  const over = session(consumer, inbox, stopping.signal, timeout, clock);
  const { stream } = consumer;
  consumer.letIn(null, stream);
  stream.push(given);
  return { consumer, stopping, over, stream, delivery: (await inbox.receive())! };
}

Deno.test("kafka: where a commit fails the session ends, so that the message comes again", async () => {
  const failure = new Error("commit failed 4 times.");
  const { delivery, over, stream } = await member(() => Promise.reject(failure));
  await delivery.accept();
  assert.equal(await over, failure);
  assert.ok(stream.destroyed);
});

Deno.test("kafka: a topic that was made again ends the session, though nothing comes", async () => {
  const clock = new ManualClock();
  const { consumer, over, stream } = await member(() => Promise.resolve(), undefined, clock);
  await clock.advance(4000);
  assert.ok(!stream.destroyed);
  consumer.id = "another";
  await clock.advance(2000);
  assert.match(String(await over), /topic vcs is gone/);
  assert.ok(stream.destroyed);
});

Deno.test("kafka: a commit that is not answered ends the session", async () => {
  const { delivery, over } = await member(() => new Promise(() => {}), 1);
  await delivery.accept();
  assert.match(String(await over), /committing: not done in 1 ms/);
});

Deno.test("kafka: a member that cannot join its group again ends its session, and waits for no commit", async () => {
  const { consumer, delivery, over } = await member(() => new Promise(() => {}));
  const accepting = delivery.accept();
  const failure = new Error("joinGroup failed 4 times.");
  consumer.emit("error", failure);
  assert.equal(await over, failure);
  await accepting;
});

Deno.test("kafka: what is accepted after a session waits for no commit", async () => {
  const closed = await member(() => new Promise(() => {}));
  closed.stopping.abort(new Error("closed"));
  assert.match(String(await closed.over), /closed/);
  await closed.delivery.accept();
  const ended = await member(() => new Promise(() => {}));
  ended.stream.push(null);
  assert.equal(await ended.over, undefined);
  await ended.delivery.accept();
});

Deno.test("kafka: a membership that comes too late harms nobody", async () => {
  const consumer = new Consumer();
  const over = session(consumer, new Inbox(100), new AbortController().signal, 1);
  assert.match(String(await over), /joining the group: not done in 1 ms/);
  consumer.letIn(null, consumer.stream);
  const closed = new Promise((resolve) => consumer.stream.on("close", resolve));
  consumer.stream.destroy(new Error("Client is closed."));
  await closed;
});
