import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import { unlessAborted, until } from "./until.ts";

v8.setFlagsFromString("--expose-gc");
const collectGarbage: () => void = vm.runInNewContext("gc");

async function* numbers(count: number) {
  for (let i = 0; i < count; i++) yield await Promise.resolve(i);
}

Deno.test("until() gives everything where nobody stops it", async () => {
  const { signal } = new AbortController();
  assert.deepEqual(await Array.fromAsync(until(numbers(4), signal)), [0, 1, 2, 3]);
});

Deno.test("until() ends while it waits, and before it asks for anything", async () => {
  const abort = new AbortController();
  const silent = async function* () {
    yield 1;
    await new Promise<void>(() => {});
  };
  const items = until(silent(), abort.signal);
  assert.deepEqual(await items.next(), { value: 1, done: false });
  const next = items.next();
  setTimeout(() => abort.abort(), 5);
  assert.deepEqual(await next, { value: undefined, done: true });
  assert.deepEqual(await Array.fromAsync(until(numbers(4), abort.signal)), []);
});

Deno.test("unlessAborted() does not wait where the signal was aborted before", async () => {
  const signal = AbortSignal.abort();
  assert.equal(await unlessAborted(new Promise(() => {}), signal), undefined);
  assert.equal(await unlessAborted(Promise.resolve(1), signal), 1);
});

Deno.test("until() keeps nothing of what it gave", async () => {
  const given: WeakRef<Float32Array>[] = [];
  const source = async function* () {
    for (let i = 0; i < 20; i++) {
      const samples = new Float32Array(1000);
      given.push(new WeakRef(samples));
      yield await Promise.resolve(samples);
    }
    // Still running, as a recording is: a turn of the event loop lets go of the last items.
    await new Promise((resolve) => setTimeout(resolve, 1));
    collectGarbage();
    yield new Float32Array(0);
  };
  let held = NaN;
  for await (const samples of until(source(), new AbortController().signal)) {
    if (samples.length === 0) held = given.filter((ref) => ref.deref()).length;
  }
  assert.ok(held <= 1, `${held} of ${given.length} are held`);
});
