import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import v8 from "node:v8";
import vm from "node:vm";
import { abortable, ignoreAbort, onAbort, settledWithin, untilAborted } from "./abort.ts";
import { ManualClock, systemClock } from "./clock.ts";
import { Condition } from "./condition.ts";

v8.setFlagsFromString("--expose-gc");
const collectGarbage: () => void = vm.runInNewContext("gc");

const REASON = new Error("enough");
const never = new Promise<never>(() => {});

async function* numbers(count: number) {
  for (let i = 0; i < count; i++) yield await Promise.resolve(i);
}

Deno.test("abort: a wait throws the signal's reason", async () => {
  const abort = new AbortController();
  const waiting = abortable(never, abort.signal);
  abort.abort(REASON);
  await assert.rejects(waiting, REASON);
  await assert.rejects(abortable(never, abort.signal), REASON);
});

Deno.test("abort: what is there already is given, also after the abort", async () => {
  assert.equal(await abortable(Promise.resolve(1), AbortSignal.abort()), 1);
  assert.equal(await abortable(Promise.resolve(1)), 1);
});

Deno.test("abort: an abort that is an ordinary end gives nothing, a failure is thrown", async () => {
  const abort = new AbortController();
  const fault = new Error("fault");
  const failing = () => Promise.reject(fault).catch(ignoreAbort(abort.signal));
  await assert.rejects(failing(), fault);
  abort.abort(REASON);
  assert.equal(await failing(), undefined);
  const waiting = abortable(never, abort.signal).catch(ignoreAbort(abort.signal));
  assert.equal(await waiting, undefined);
});

Deno.test("abort: the action runs once, at the abort or at once, and not once disposed", () => {
  const abort = new AbortController();
  const seen: string[] = [];
  onAbort(abort.signal, () => seen.push("first"));
  onAbort(abort.signal, () => seen.push("disposed"))[Symbol.dispose]();
  assert.equal(seen.length, 0);
  abort.abort();
  onAbort(abort.signal, () => seen.push("late"));
  assert.deepEqual(seen, ["first", "late"]);
});

Deno.test("abort: 10,000 waits leave no listener on their signal", async () => {
  const { signal } = new AbortController();
  const condition = new Condition();
  const clock = new ManualClock();
  for (let i = 0; i < 2500; i++) {
    await abortable(Promise.resolve(), signal);
    await abortable(Promise.reject(REASON), signal).catch(() => {});
    const changed = [condition.changed(signal), condition.changed(signal, 1000)];
    condition.notify();
    await Promise.all(changed);
  }
  const sleeping = Promise.all(Array.from({ length: 1000 }, () => clock.sleep(5, signal)));
  assert.equal(getEventListeners(signal, "abort").length, 1000);
  await clock.advance(5);
  await sleeping;
  await systemClock.sleep(1, signal);
  for await (const _ of untilAborted(numbers(1000), signal));
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

Deno.test("abort: a sequence that nobody ends is given whole", async () => {
  const { signal } = new AbortController();
  assert.deepEqual(await Array.fromAsync(untilAborted(numbers(4), signal)), [0, 1, 2, 3]);
});

Deno.test("abort: a sequence ends while it waits, and before it asks for anything", async () => {
  const abort = new AbortController();
  const silent = async function* () {
    yield 1;
    await never;
  };
  const items = untilAborted(silent(), abort.signal);
  assert.deepEqual(await items.next(), { value: 1, done: false });
  const next = items.next();
  abort.abort();
  assert.deepEqual(await next, { value: undefined, done: true });
  assert.deepEqual(await Array.fromAsync(untilAborted(numbers(4), abort.signal)), []);
});

Deno.test("abort: what a sequence throws is thrown, and a loop that is left closes it", async () => {
  let closed = 0;
  const source = async function* () {
    try {
      yield* numbers(2);
      throw REASON;
    } finally {
      closed++;
    }
  };
  await assert.rejects(Array.fromAsync(untilAborted(source(), undefined)), REASON);
  for await (const _ of untilAborted(source(), undefined)) break;
  assert.equal(closed, 2);
});

Deno.test("abort: a sequence retains nothing of what it gave", async () => {
  const given: WeakRef<Float32Array>[] = [];
  const source = async function* () {
    for (let i = 0; i < 20; i++) {
      const samples = new Float32Array(1000);
      given.push(new WeakRef(samples));
      yield await Promise.resolve(samples);
    }
    // Still running, as a recording is: a turn of the event loop releases the last items.
    await systemClock.sleep(1);
    collectGarbage();
    yield new Float32Array(0);
  };
  let held = NaN;
  for await (const samples of untilAborted(source(), new AbortController().signal)) {
    if (samples.length === 0) held = given.filter((ref) => ref.deref()).length;
  }
  assert.ok(held <= 1, `${held} of ${given.length} are held`);
});

Deno.test("settledWithin() ends with the promise, however that settles, or with the time", async () => {
  await settledWithin(600_000, Promise.resolve());
  await settledWithin(600_000, Promise.reject(new Error("ignored")));
  await settledWithin(1, new Promise(() => {}));
});
