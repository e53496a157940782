import assert from "node:assert/strict";
import { FakeTime } from "#testing/fake_time.ts";
import { brokerReceiver, type FeedSession } from "./broker_feed.ts";
import type { Receiver } from "./types.ts";
import { systemClock } from "../flow/clock.ts";
import { TransportError } from "../errors.ts";
import { encodeMessage, message } from "../message.ts";

const TIMEOUT = 10_000;

/** A receiver of sessions, which are told how often one was tried. */
function receiverOf(session: (tries: number, ...rest: Parameters<FeedSession>) => Promise<void>) {
  const at: number[] = [];
  const receiver = brokerReceiver(
    new URL("nats://broker/stream"),
    { maxPayload: 100, timeout: TIMEOUT },
    (...rest) => (at.push(performance.now()), session(at.length, ...rest)),
  );
  return { receiver, at };
}

/** How waiting for a message ended, if it did. */
function outcomeOf(receiver: Receiver): { code: string | undefined } {
  const outcome: { code: string | undefined } = { code: undefined };
  receiver.receive().catch((error) => outcome.code = error.code);
  return outcome;
}

const lost = () => Promise.reject(new Error("connection reset"));

Deno.test("broker feed: tries again after 20 ms, then twice as long each time, at most 500", async () => {
  using time = new FakeTime();
  const { receiver, at } = receiverOf(lost);
  const outcome = outcomeOf(receiver);
  await time.advance(3000);
  const pauses = at.slice(1).map((when, i) => when - at[i]!);
  assert.deepEqual(pauses, [20, 40, 80, 160, 320, 500, 500, 500, 500]);
  assert.equal(outcome.code, undefined);
  await receiver.close();
});

Deno.test("broker feed: gives up once the broker was unreachable for the timeout", async () => {
  using time = new FakeTime();
  const { receiver, at } = receiverOf(lost);
  const outcome = outcomeOf(receiver);
  await time.advance(TIMEOUT);
  assert.equal(outcome.code, undefined);
  await time.advance(500);
  assert.equal(outcome.code, "unreachable");
  const tries = at.length;
  await time.advance(5000);
  assert.equal(at.length, tries);
  await receiver.close();
});

Deno.test("broker feed: a lost connection restarts the timeout and the back-off", async () => {
  using time = new FakeTime();
  // Each connection outlives the timeout; two attempts fail after it.
  const { receiver, at } = receiverOf(async (tries, _inbox, signal, connected) => {
    if (tries % 3 === 1) {
      connected();
      await systemClock.sleep(2 * TIMEOUT, signal);
    }
    await lost();
  });
  const outcome = outcomeOf(receiver);
  await time.advance(7 * TIMEOUT);
  assert.equal(outcome.code, undefined);
  assert.equal(receiver.counters.connections, 4);
  assert.deepEqual(at.slice(0, 5), [0, 20_020, 20_060, 20_140, 40_160]);
  await receiver.close();
});

Deno.test("broker feed: what no second try can cure ends it at once", async () => {
  using time = new FakeTime();
  const { receiver, at } = receiverOf(() =>
    Promise.reject(new TransportError("refused", "Cannot read: no rights"))
  );
  const outcome = outcomeOf(receiver);
  await time.advance(0);
  assert.deepEqual([outcome.code, at.length], ["refused", 1]);
  await receiver.close();
});

Deno.test("broker feed: closing ends a session and a pause", async () => {
  using time = new FakeTime();
  for (const wait of [true, false]) {
    const { receiver } = receiverOf(async (_tries, inbox, signal, connected) => {
      connected();
      inbox.offer(encodeMessage(message(new Uint8Array(1))), () => {});
      if (wait) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    assert.ok(await receiver.receive());
    await receiver.close();
  }
  assert.equal(time.pending, 0);
});
