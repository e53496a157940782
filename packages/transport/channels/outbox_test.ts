import assert from "node:assert/strict";
import { FakeTime } from "#testing/fake_time.ts";
import { type Entry, messageKey, Outbox, OutboxSender } from "./outbox.ts";
import { message, newStreamId } from "../message.ts";

const TIMEOUT = 1000;
const never = new AbortController().signal;

/** Puts so many messages in; those for which there is no room wait. */
function fill(outbox: Outbox, count: number): Promise<void>[] {
  return Array.from(
    { length: count },
    () => outbox.enqueue(message(new Uint8Array(1)), new Uint8Array(8)),
  );
}

/** Takes on what an outbox gives, as a connection does to a peer that never answers. */
function carried(outbox: Outbox, most?: number): { entries: Entry[]; stop: () => void } {
  const abort = new AbortController();
  const entries: Entry[] = [];
  const taking = async () => {
    for (;;) entries.push(await outbox.lease(abort.signal, most));
  };
  void taking().catch(() => {});
  return { entries, stop: () => abort.abort() };
}

/** Lets everything run that waits for promises only. */
const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** The end of a promise, if it came. */
function outcomeOf(promise: Promise<unknown>): { what: unknown } {
  const outcome = { what: undefined as unknown };
  promise.then(() => outcome.what = "done", (error) => outcome.what = error.code);
  return outcome;
}

Deno.test("outbox: with N credits exactly N messages are carried until one is acknowledged", async () => {
  for (const credits of [1, 2, 5]) {
    const outbox = new Outbox(8, { timeout: TIMEOUT });
    await Promise.all(fill(outbox, 8));
    outbox.connect();
    const { entries, stop } = carried(outbox, credits);
    await settled();
    assert.equal(entries.length, credits);
    outbox.acknowledge(1);
    await settled();
    assert.equal(entries.length, credits + 1);
    outbox.acknowledgeThrough(2);
    await settled();
    assert.deepEqual(
      entries.map(({ number }) => number),
      [...Array(credits + 2).keys()].map((n) => n + 1),
    );
    stop();
  }
});

Deno.test("outbox: takes in exactly as many as its limit, and counts them", async () => {
  const outbox = new Outbox(3, { timeout: TIMEOUT });
  outbox.connect();
  const sends = fill(outbox, 5).map(outcomeOf);
  await settled();
  assert.deepEqual(sends.map(({ what }) => what), ["done", "done", "done", undefined, undefined]);
  assert.deepEqual(outbox.counters, {
    ...{ sent: 3, acknowledged: 0, inFlight: 3, mostInFlight: 3 },
    ...{ unsent: 0, resent: 0, dropped: 0, connections: 1 },
  });
  outbox.acknowledge(2);
  outbox.acknowledge(2);
  await settled();
  assert.equal(sends[3]!.what, "done");
  const { sent, acknowledged, inFlight, mostInFlight } = outbox.counters;
  assert.deepEqual([sent, acknowledged, inFlight, mostInFlight], [4, 1, 3, 3]);
  outbox.fail(new Error("enough"));
  await settled();
});

Deno.test("outbox: what is given back is carried again, first and counted", async () => {
  const outbox = new Outbox(4, { timeout: TIMEOUT });
  await Promise.all(fill(outbox, 4));
  outbox.connect();
  for (let n = 0; n < 3; n++) await outbox.lease(never);
  outbox.release(({ number }) => number === 2);
  assert.equal((await outbox.lease(never)).number, 2);
  assert.equal((await outbox.lease(never)).number, 4);
  assert.equal(outbox.counters.resent, 1);
});

Deno.test("outbox: fails once messages waited for the timeout without a connection", async () => {
  using time = new FakeTime();
  const outbox = new Outbox(2, { timeout: TIMEOUT });
  await time.advance(5 * TIMEOUT);
  await Promise.all(fill(outbox, 1));
  await time.advance(TIMEOUT - 1);
  outbox.connect();
  await time.advance(5 * TIMEOUT);
  outbox.disconnect();
  await time.advance(TIMEOUT - 1);
  assert.equal(outbox.counters.inFlight, 1);
  const [late] = fill(outbox, 1).map(outcomeOf);
  await time.advance(1);
  assert.equal(late!.what, "done");
  await assert.rejects(Promise.all(fill(outbox, 1)), { code: "unreachable" });
  assert.equal(outbox.counters.inFlight, 0);
  assert.equal(time.pending, 0);
});

Deno.test("outbox: flush gives up when nothing was acknowledged for the timeout", async () => {
  using time = new FakeTime();
  const outbox = new Outbox(3, { timeout: TIMEOUT });
  outbox.connect();
  await Promise.all(fill(outbox, 3));
  const flush = outcomeOf(outbox.flush());
  await time.advance(TIMEOUT - 1);
  outbox.acknowledge(1);
  await time.advance(TIMEOUT - 1);
  assert.equal(flush.what, undefined);
  await time.advance(1);
  assert.deepEqual([flush.what, outbox.reported], ["unreachable", true]);
  const again = outcomeOf(outbox.flush());
  outbox.acknowledgeThrough(3);
  await time.advance(0);
  assert.equal(again.what, "done");
});

Deno.test("outbox: sending gives up when nothing was acknowledged for the timeout", async () => {
  using time = new FakeTime();
  const outbox = new Outbox(1, { timeout: TIMEOUT });
  outbox.connect();
  await Promise.all(fill(outbox, 1));
  const [second] = fill(outbox, 1).map(outcomeOf);
  await time.advance(TIMEOUT - 1);
  outbox.acknowledge(1);
  await time.advance(0);
  assert.equal(second!.what, "done");
  const [third] = fill(outbox, 1).map(outcomeOf);
  await time.advance(TIMEOUT - 1);
  assert.equal(third!.what, undefined);
  await time.advance(1);
  assert.deepEqual([third!.what, outbox.reported], ["unreachable", true]);
  assert.equal(time.pending, 0);
});

Deno.test("outbox: closing ends after a second, and counts what nobody acknowledged", async () => {
  using time = new FakeTime();
  const outbox = new Outbox(3, { timeout: 60_000 });
  outbox.connect();
  const settings = { maxPayload: 1, timeout: 60_000 };
  const stop = () => new Promise<void>(() => {});
  const sender = new OutboxSender({ url: "tcp://peer", outbox, stop }, settings);
  for (let n = 0; n < 3; n++) await sender.send(message(new Uint8Array(1)));
  outbox.acknowledge(1);
  const closing = outcomeOf(sender.close());
  await time.advance(1999);
  assert.equal(closing.what, undefined);
  await time.advance(1);
  assert.equal(closing.what, "done");
  const { acknowledged, inFlight, unsent } = sender.counters;
  assert.deepEqual([acknowledged, inFlight, unsent], [1, 0, 2]);
  assert.equal(time.pending, 0);
});

Deno.test("outbox: leaving the scope of a sender waits as flush does", async () => {
  using time = new FakeTime();
  const outbox = new Outbox(1, { timeout: 60_000 });
  outbox.connect();
  const settings = { maxPayload: 1, timeout: 60_000 };
  const carrier = { url: "tcp://peer", outbox, stop: () => Promise.resolve() };
  const sender = new OutboxSender(carrier, settings);
  await sender.send(message(new Uint8Array(1)));
  const leaving = outcomeOf(sender[Symbol.asyncDispose]());
  await time.advance(50_000);
  assert.equal(leaving.what, undefined);
  outbox.acknowledge(1);
  await time.advance(0);
  assert.deepEqual([leaving.what, sender.counters.unsent], ["done", 0]);
});

Deno.test("outbox: closing takes nothing more in and frees those who wait", async () => {
  const outbox = new Outbox(1, { timeout: TIMEOUT });
  outbox.connect();
  const sends = fill(outbox, 2).map(outcomeOf);
  outbox.close();
  await settled();
  assert.deepEqual(sends.map(({ what }) => what), ["done", "closed"]);
});

Deno.test("outbox: keeps at most as many spare buffers as its limit", async () => {
  const outbox = new Outbox(2, { timeout: TIMEOUT }, true);
  outbox.connect();
  for (let n = 1; n <= 4; n++) {
    await Promise.all(fill(outbox, 1));
    outbox.acknowledge(n);
  }
  const spare = Array.from({ length: 3 }, () => outbox.spareBuffer(8));
  assert.deepEqual(spare.map((buffer) => buffer?.byteLength), [8, 8, undefined]);
});

Deno.test("outbox: a message is named by its stream, or by the run where it has none", () => {
  const entry = { number: 7, bytes: new Uint8Array(0), leased: false, tries: 0 };
  const streamId = newStreamId();
  const named = message(new Uint8Array(0), { streamId, sequence: 3 });
  assert.equal(messageKey({ ...entry, message: named }, "run"), `${streamId}-3`);
  assert.equal(messageKey({ ...entry, message: message(new Uint8Array(0)) }, "run"), "run-7");
});
