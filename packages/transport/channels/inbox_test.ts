import assert from "node:assert/strict";
import { Inbox, InboxReceiver } from "./inbox.ts";
import { Outbox, OutboxSender } from "./outbox.ts";
import { encodeMessage, type Message, message } from "../message.ts";

const stream = (n: number) => `${n}`.padStart(16, "0");
const window = (n: number, sequence: number, size = 1): Message =>
  message(new Uint8Array(size), { streamId: stream(n), sequence });

/** An inbox that was given messages of a stream by their sequences. */
function filled(sequences: readonly number[], inbox = new Inbox(100)): Inbox {
  for (const sequence of sequences) inbox.deliver(window(1, sequence), () => {});
  return inbox;
}

Deno.test("inbox: a gap is counted once, however the messages after it are shuffled", () => {
  const gaps = (...sequences: number[]) => filled(sequences).counters.gaps;
  assert.equal(gaps(0, 1, 2), 0);
  assert.equal(gaps(7, 8), 0);
  assert.equal(gaps(0, 3), 2);
  // 1 and 2 come late, which counts no gap again.
  assert.equal(gaps(0, 3, 1, 4), 2);
  assert.equal(gaps(0, 5, 2, 3, 7), 5);
});

Deno.test("inbox: follows the gaps of the 1,024 streams that it heard of last", () => {
  const gapsAfter = (others: number) => {
    const inbox = filled([0]);
    for (let n = 2; n < 2 + others; n++) inbox.deliver(window(n, 0), () => {});
    return filled([5], inbox).counters.gaps;
  };
  assert.equal(gapsAfter(1023), 4);
  assert.equal(gapsAfter(1024), 0);
});

Deno.test("inbox: knows the last 1,024 messages when they come again, and all that are held", async () => {
  const inbox = filled([...Array(1026).keys()]);
  await (await inbox.receive())!.accept();
  const again = (sequence: number) => {
    const before = inbox.counters.duplicates;
    filled([sequence], inbox);
    return inbox.counters.duplicates - before;
  };
  assert.deepEqual([again(1), again(1025), again(0)], [1, 1, 0]);
});

Deno.test("inbox: a copy of a message is accepted with it, and once", async () => {
  const inbox = new Inbox(100);
  const accepted: string[] = [];
  const deliver = (name: string) => inbox.deliver(window(1, 0), () => void accepted.push(name));
  deliver("first");
  deliver("second");
  const delivery = (await inbox.receive())!;
  assert.deepEqual([accepted, inbox.held], [[], 1]);
  await delivery.accept();
  await delivery.accept();
  assert.deepEqual([accepted, inbox.held], [["first", "second"], 0]);
  deliver("late");
  assert.deepEqual(accepted, ["first", "second", "late"]);
  const { received, accepted: done, duplicates } = inbox.counters;
  assert.deepEqual([received, done, duplicates], [1, 1, 2]);
});

Deno.test("inbox: room is there while fewer than the limit are not accepted", async () => {
  const inbox = filled([0, 1, 2]);
  const stop = new AbortController();
  let isRoom = false;
  const room = inbox.room(3, stop.signal).then(() => isRoom = true);
  const first = (await inbox.receive())!;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(isRoom, false);
  await first.accept();
  await room;
  const none = inbox.room(1, stop.signal);
  stop.abort(new Error("closed"));
  await assert.rejects(none, { message: "closed" });
});

Deno.test("inbox: what is damaged or too long is counted and skipped", () => {
  const inbox = new Inbox(10);
  const bytes = encodeMessage(window(1, 0, 5));
  bytes[bytes.length - 1]! ^= 1;
  assert.equal(inbox.offer(bytes, () => {}), false);
  assert.equal(inbox.offer(encodeMessage(window(1, 0, 11)), () => {}), false);
  assert.equal(inbox.offer(encodeMessage(window(1, 0, 10)), () => {}), true);
  assert.deepEqual([inbox.counters.corrupt, inbox.counters.received], [2, 1]);
});

Deno.test("inbox: what waits can be received after the end and before a failure", async () => {
  const inbox = filled([0]);
  inbox.end();
  filled([1], inbox);
  assert.equal((await inbox.receive())!.message.sequence, 0);
  assert.equal(await inbox.receive(), undefined);
  const failing = filled([0]);
  failing.fail(new Error("lost"));
  assert.equal((await failing.receive())!.message.sequence, 0);
  await assert.rejects(failing.receive(), { message: "lost" });
});

Deno.test("inbox, outbox: a channel's URL is shown without what logs in at it", async () => {
  const settings = { maxPayload: 1, timeout: 1 };
  const part = { url: "redis://me:word@localhost:6379/x", stop: () => Promise.resolve() };
  const outbox = new Outbox(1, { timeout: 1 });
  await using receiver = new InboxReceiver({ ...part, inbox: new Inbox(1) }, settings);
  await using sender = new OutboxSender({ ...part, outbox }, settings);
  for (const { url } of [receiver, sender]) assert.equal(url, "redis://localhost:6379/x");
});
