import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { encodeMessage, message, newStreamId } from "../../message.ts";
import { Inbox } from "../inbox.ts";
import type { KafkaMessage, KafkaStream } from "./client.ts";
import { deliver } from "./deliver.ts";

/** A member that was given one message, and is given no other. */
async function member(commit: () => Promise<void>) {
  const value = encodeMessage(message(new Uint8Array(1), { streamId: newStreamId() }));
  const given: KafkaMessage = { partition: 0, value, commit };
  const stream = new Readable({ objectMode: true, read: () => {} });
  stream.push(given);
  const [consumer, inbox, stopping] = [new EventEmitter(), new Inbox(100), new AbortController()];
  const session = deliver({
    ...{ consumer, inbox, limit: 3, signal: stopping.signal, connected: () => {} },
    join: () => Promise.resolve(stream as KafkaStream),
  });
  const over = session.then(() => undefined, (error) => error);
  return { consumer, stopping, over, stream, delivery: (await inbox.receive())! };
}

Deno.test("kafka: where a commit fails the session ends, so that the message comes again", async () => {
  const failure = new Error("commit failed 4 times.");
  const { delivery, over, stream } = await member(() => Promise.reject(failure));
  await delivery.accept();
  assert.equal(await over, failure);
  assert.ok(stream.destroyed);
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
