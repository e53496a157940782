import assert from "node:assert/strict";
import { FakeTime } from "#testing/fake_time.ts";
import { type ConnectionLost, reconnecting } from "./reconnect.ts";

/** Watches for some seconds a source of which each connection gives so many items, then fails. */
async function watched(seconds: number, items: (connection: number) => number, retries?: number) {
  using time = new FakeTime();
  const stop = new AbortController();
  const lost: ConnectionLost<Error>[] = [];
  let connections = 0;
  const plan = {
    url: "rtsp://camera/",
    connect: async function* () {
      for (let left = items(++connections); left > 0; left--) yield await Promise.resolve(left);
      throw new Error("gone");
    },
    failureOf: (cause: unknown) => cause as Error,
    onLost: (event: ConnectionLost<Error>) => void lost.push(event),
  };
  const options = { signal: stop.signal, ...(retries !== undefined && { retries }) };
  const reading = Array.fromAsync(reconnecting(plan, options)).catch((error) => error);
  await time.advance(1000 * seconds);
  stop.abort();
  await time.advance(0);
  return { lost, connections, result: await reading };
}

Deno.test("reconnecting() waits 2, 4, 8 … seconds, at most 30, and anew after an item", async () => {
  const { lost } = await watched(150, () => 0);
  for (const [i, most] of [2, 4, 8, 16, 30, 30].entries()) {
    const pause = lost[i]!.retryIn!;
    assert(pause <= most && pause >= 0.75 * most, `pause ${i} is ${pause} s`);
    assert.equal(lost[i]!.attempt, i + 1);
  }
  const some = await watched(60, () => 1);
  assert(some.lost.length > 20 && some.lost.every(({ retryIn }) => retryIn! <= 2));
  assert.deepEqual(some.result, Array(some.connections).fill(1));
});

Deno.test("reconnecting() gives up after failures in a row, and says the last", async () => {
  const { lost, result } = await watched(300, (connection) => connection === 2 ? 1 : 0, 2);
  assert.deepEqual(lost.map(({ attempt }) => attempt), [1, 1, 2, 3]);
  assert.equal(lost.at(-1)!.retryIn, undefined);
  assert.equal((result as Error).message, "gone");
});
