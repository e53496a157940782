import { ManualClock } from "../flow/clock.ts";
import assert from "node:assert/strict";
import { IdleRequest, retryTransient, TransientError } from "./requests.ts";

/** A clock whose pauses pass at once, and are noted in seconds. */
function noting(pauses: number[]) {
  const sleep = (milliseconds: number) => (pauses.push(milliseconds / 1000), Promise.resolve());
  return { now: () => 0, sleep };
}

Deno.test("requests: gives up after failures in a row, with pauses that double", async () => {
  const pauses: number[] = [];
  const failing = () => Promise.reject(new TransientError("down"));
  const options = { tries: 4, waitSeconds: 1, clock: noting(pauses) };
  await assert.rejects(retryTransient(failing, options), /down/);
  assert.deepEqual(pauses, [1, 2, 4]);
});

Deno.test("requests: an attempt that gets further starts the count and the pauses anew", async () => {
  const pauses: number[] = [];
  let received = 0;
  const step = () =>
    ++received < 5 ? Promise.reject(new TransientError("cut")) : Promise.resolve("all");
  const options = { tries: 1, waitSeconds: 1, clock: noting(pauses) };
  assert.equal(await retryTransient(step, options, () => received), "all");
  assert.deepEqual(pauses, [1, 1, 1, 1]);
});

Deno.test("requests: a server that cannot resume is given up, now cut sooner, now later", async () => {
  let [attempts, received] = [0, 0];
  const step = () => {
    received = ++attempts % 2 === 1 ? 5 : 3;
    return Promise.reject(attempts > 9 ? new Error("for ever") : new TransientError("cut"));
  };
  await assert.rejects(
    retryTransient(step, { tries: 3, waitSeconds: 0, clock: noting([]) }, () => received),
    /cut/,
  );
  assert.equal(attempts, 4);
});

Deno.test("requests: a failure for good is thrown at once", async () => {
  const pauses: number[] = [];
  const failing = () => Promise.reject(new TypeError("wrong"));
  await assert.rejects(retryTransient(failing, { clock: noting(pauses) }), /wrong/);
  assert.deepEqual(pauses, []);
});

Deno.test("requests: silence is a fault that says for how long", async () => {
  const clock = new ManualClock();
  using request = new IdleRequest({ idleTimeoutSeconds: 30, clock });
  await clock.advance(29_000);
  request.touch();
  await clock.advance(29_000);
  assert.equal(request.fault(new Error("broken"), "cut: ").message, "cut: broken");
  await clock.advance(1000);
  assert.equal(request.fault(new Error("broken")).message, "nothing came for 30 s");
});
