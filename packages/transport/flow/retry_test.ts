import assert from "node:assert/strict";
import { type Clock, ManualClock } from "./clock.ts";
import { attempts, Backoff, retry } from "./retry.ts";

const FAULT = new Error("fault");

/** A clock that notes the pauses asked of it and lets them pass at once. */
function noting(pauses: number[]): Clock {
  return {
    now: () => 0,
    sleep: (milliseconds, signal) => {
      pauses.push(milliseconds);
      return signal?.aborted ? Promise.reject(signal.reason) : Promise.resolve();
    },
  };
}

Deno.test("retry: pauses double up to the longest, and start anew after a reset", () => {
  const backoff = new Backoff({ initial: 10, max: 50 });
  const next = (count: number) => Array.from({ length: count }, () => backoff.next());
  assert.deepEqual(next(5), [10, 20, 40, 50, 50]);
  backoff.reset();
  assert.deepEqual(next(2), [10, 20]);
});

Deno.test("retry: jitter shortens pauses by up to its part", () => {
  const backoff = new Backoff({ initial: 100, max: 100, jitter: 1 / 4 });
  const pauses = Array.from({ length: 1000 }, () => backoff.next());
  assert.ok(pauses.every((pause) => pause > 75 && pause <= 100));
  assert.ok(Math.min(...pauses) < 80 && Math.max(...pauses) > 95);
});

Deno.test("retry: attempts go on until one succeeds, with growing pauses", async () => {
  const pauses: number[] = [];
  const failures: unknown[] = [];
  let count = 0;
  const attempt = () => ++count < 4 ? Promise.reject(FAULT) : Promise.resolve("done");
  const backoff = new Backoff({ initial: 1 });
  const onFailure = (error: unknown) => void failures.push(error);
  assert.equal(await retry(attempt, { backoff, clock: noting(pauses), onFailure }), "done");
  assert.deepEqual(pauses, [1, 2, 4]);
  assert.deepEqual(failures, [FAULT, FAULT, FAULT]);
});

Deno.test("retry: gives up with what onFailure throws", async () => {
  const pauses: number[] = [];
  const backoff = new Backoff({ initial: 1 });
  const onFailure = (error: unknown) => {
    throw error;
  };
  const attempt = () => Promise.reject(FAULT);
  await assert.rejects(retry(attempt, { backoff, clock: noting(pauses), onFailure }), FAULT);
  assert.deepEqual(pauses, []);
});

Deno.test("retry: an abort ends the pause, and its reason is thrown", async () => {
  const abort = new AbortController();
  const clock = new ManualClock();
  let count = 0;
  const attempt = () => Promise.reject(new Error(`attempt ${++count}`));
  const backoff = new Backoff({ initial: 10 });
  const options = { backoff, clock, signal: abort.signal, onFailure: () => {} };
  const retrying = assert.rejects(retry(attempt, options), FAULT);
  await clock.advance(15);
  assert.equal(count, 2);
  abort.abort(FAULT);
  await retrying;
  assert.equal(count, 2);
});

Deno.test("retry: attempts end quietly at an abort, and none is made after it", async () => {
  const abort = new AbortController();
  const clock = new ManualClock();
  const seen: number[] = [];
  const running = (async () => {
    const backoff = new Backoff({ initial: 10, max: 10 });
    for await (const n of attempts({ backoff, clock, signal: abort.signal })) seen.push(n);
  })();
  await clock.advance(25);
  abort.abort(FAULT);
  await running;
  assert.deepEqual(seen, [1, 2, 3]);
});
