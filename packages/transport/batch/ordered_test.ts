import assert from "node:assert/strict";
import { atMost, batches, type BatchSizes, mapOrdered } from "./ordered.ts";

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function* numbers(count: number, failure?: Error) {
  for (let i = 0; i < count; i++) yield await Promise.resolve(i);
  if (failure) throw failure;
}

Deno.test("mapOrdered() keeps the order and the limit", async () => {
  let running = 0;
  let most = 0;
  const results = await Array.fromAsync(mapOrdered(numbers(12), 3, async (n) => {
    most = Math.max(most, ++running);
    await wait((n * 7) % 5);
    running--;
    return n * 2;
  }));
  assert.deepEqual(results, Array.from({ length: 12 }, (_, i) => i * 2));
  assert.equal(most, 3);
});

Deno.test("atMost() runs so many calls at once, in their order, whatever becomes of one", async () => {
  const inTurn = atMost(2);
  const begun: number[] = [];
  let running = 0;
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map((n) =>
    inTurn(async () => {
      begun.push(n);
      assert.ok(++running <= 2);
      await wait(n === 0 ? 20 : 1);
      running--;
      if (n === 1) throw new Error("one");
      return n;
    })
  ));
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  assert.deepEqual(results.map(({ status }) => status === "fulfilled"), [
    ...[true, false, true, true, true],
  ]);
  assert.equal(await inTurn(() => Promise.resolve("later")), "later");
});

Deno.test("mapOrdered() gives a result before the next item comes", async () => {
  let release = () => {};
  const live = async function* () {
    yield 1;
    await new Promise<void>((resolve) => release = resolve);
    yield 2;
  };
  const results = mapOrdered(live(), 4, (n) => Promise.resolve(n));
  assert.deepEqual(await results.next(), { value: 1, done: false });
  release();
  assert.deepEqual(await results.next(), { value: 2, done: false });
  assert.deepEqual(await results.next(), { value: undefined, done: true });
});

Deno.test("mapOrdered() passes failures on after the results before them", async () => {
  const seen: number[] = [];
  const failing = mapOrdered(numbers(3, new Error("source")), 2, (n) => Promise.resolve(n));
  await assert.rejects(async () => {
    for await (const n of failing) seen.push(n);
  }, /source/);
  assert.deepEqual(seen, [0, 1, 2]);
  const broken = mapOrdered(
    numbers(3),
    2,
    (n) => n === 1 ? Promise.reject(new Error("step")) : wait(1),
  );
  await assert.rejects(Array.fromAsync(broken), /step/);
});

Deno.test("mapOrdered() drops its source when it is left", async () => {
  let left = false;
  const source = async function* () {
    try {
      for (;;) yield await Promise.resolve(1);
    } finally {
      left = true;
    }
  };
  for await (const _ of mapOrdered(source(), 2, (n) => Promise.resolve(n))) break;
  await wait(5);
  assert.ok(left);
});

Deno.test("batches() hold what came while the one before was worked on", async () => {
  const sizes = async (
    source: AsyncIterable<number>,
    { most, least }: BatchSizes,
    kind = (_n: number) => 0,
  ) => {
    const found: number[] = [];
    for await (const batch of batches(source, { most, least }, kind)) {
      found.push(batch.length);
      await wait(5);
    }
    return found;
  };
  assert.deepEqual(await sizes(numbers(20), { most: 8, least: 1 }), [1, 8, 8, 3]);
  assert.deepEqual(await sizes(numbers(3), { most: 1, least: 1 }), [1, 1, 1]);
  assert.deepEqual(await sizes(numbers(20), { most: 8, least: 8 }), [8, 8, 4]);
  const kinds = (n: number) => n < 7 ? 0 : n;
  assert.deepEqual(await sizes(numbers(9), { most: 8, least: 8 }, kinds), [7, 1, 1]);
  const slow = mapOrdered(numbers(3), 1, (n) => wait(20).then(() => n));
  assert.deepEqual(await sizes(slow, { most: 8, least: 1 }), [1, 1, 1]);
});

Deno.test("batches() read one batch ahead and no further, and give all before a failure", async () => {
  let read = 0;
  const counted = async function* () {
    for (; read < 100; read++) yield await Promise.resolve(read);
  };
  for await (const _ of batches(counted(), { most: 4, least: 4 }, () => 0)) {
    await wait(5);
    break;
  }
  assert.ok(read <= 8, `${read} read`);
  const seen: number[] = [];
  await assert.rejects(async () => {
    const failing = numbers(3, new Error("cut"));
    for await (const b of batches(failing, { most: 8, least: 1 }, () => 0)) seen.push(...b);
  }, /cut/);
  assert.deepEqual(seen, [0, 1, 2]);
});

Deno.test("batches() of nothing are refused", async () => {
  for (const none of [0, -1, NaN, 1.5]) {
    for (const sizes of [{ most: none, least: 1 }, { most: 1, least: none }]) {
      await assert.rejects(batches(numbers(3), sizes, () => 0).next(), RangeError);
    }
  }
});
