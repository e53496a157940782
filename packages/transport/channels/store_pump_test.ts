import assert from "node:assert/strict";
import { FakeTime } from "#testing/fake_time.ts";
import { TransportError } from "../errors.ts";
import { message } from "../message.ts";
import { storeSender } from "./store_pump.ts";

const TIMEOUT = 2000;

/** A sender to a store that does what is said; notes when it was asked to keep something. */
function senderTo(store: (tries: number) => Promise<boolean>) {
  const at: number[] = [];
  let connections = 0;
  const sender = storeSender(
    new URL("nats://broker/stream"),
    { maxPayload: 100, timeout: TIMEOUT },
    () => {
      connections++;
      return Promise.resolve({
        store: () => (at.push(performance.now()), store(at.length)),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
  );
  return {
    sender,
    pauses: () => at.slice(1).map((time, i) => time - at[i]!),
    connected: () => connections,
  };
}

const one = () => message(new Uint8Array(1));
const broken = () => Promise.reject(new Error("disk full"));

Deno.test("store: a full store is asked again after 1 ms, then twice as long, at most 50", async () => {
  using time = new FakeTime();
  const { sender, pauses, connected } = senderTo((tries) => Promise.resolve(tries > 10));
  await sender.send(one());
  await time.advance(10 * TIMEOUT);
  assert.deepEqual(pauses(), [1, 2, 4, 8, 16, 32, 50, 50, 50, 50]);
  assert.equal(sender.counters.acknowledged, 1);
  assert.equal(connected(), 1);
  await sender.close();
});

Deno.test("store: a full store is waited for however long it stays full", async () => {
  using time = new FakeTime();
  const { sender } = senderTo((tries) => Promise.resolve(tries > 100));
  await sender.send(one());
  await time.advance(2 * TIMEOUT);
  assert.equal(sender.counters.acknowledged, 0);
  await time.advance(2 * TIMEOUT);
  assert.equal(sender.counters.acknowledged, 1);
  await sender.close();
});

Deno.test("store: an error closes the connection and is retried after 20 ms, at most 500", async () => {
  using time = new FakeTime();
  const { sender, pauses, connected } = senderTo(broken);
  await sender.send(one());
  await time.advance(TIMEOUT - 1);
  assert.deepEqual(pauses(), [20, 40, 80, 160, 320, 500, 500]);
  assert.equal(connected(), 8);
  await assert.rejects(
    sender.send(one(), { signal: AbortSignal.abort(new Error("full")) }),
    /full/,
  );
  await time.advance(500);
  await assert.rejects(sender.send(one()), {
    code: "broker",
    message: /stored for 2000 ms.*disk full/,
  });
  await sender.close().catch(() => {});
});

Deno.test("store: the timeout of a failing store restarts once it answers", async () => {
  using time = new FakeTime();
  const { sender } = senderTo((tries) => tries % 5 === 0 ? Promise.resolve(false) : broken());
  await sender.send(one());
  await time.advance(10 * TIMEOUT);
  await assert.rejects(
    sender.send(one(), { signal: AbortSignal.abort(new Error("full")) }),
    /full/,
  );
  assert.equal(sender.counters.inFlight, 1);
  const closing = sender.close();
  await time.advance(TIMEOUT);
  await closing;
});

Deno.test("store: what no second try can cure is thrown at once", async () => {
  using time = new FakeTime();
  const { sender, pauses } = senderTo(() =>
    Promise.reject(new TransportError("unsupported", "Cannot write this"))
  );
  await sender.send(one());
  await time.advance(0);
  await assert.rejects(sender.send(one()), { code: "unsupported" });
  assert.deepEqual(pauses(), []);
  await sender.close().catch(() => {});
});
