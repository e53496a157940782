import assert from "node:assert/strict";
import { growingBatches, mapOrdered } from "./ordered.ts";

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

Deno.test("mapOrdered() lets go of its source when it is left", async () => {
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

Deno.test("growingBatches() starts with one and keeps kinds apart", async () => {
  const sizes = async (count: number, limit: number, kind = (_n: number) => 0, atOnce = false) =>
    (await Array.fromAsync(growingBatches(numbers(count), limit, kind, atOnce))).map((b) =>
      b.length
    );
  assert.deepEqual(await sizes(20, 8), [1, 1, 2, 4, 8, 4]);
  assert.deepEqual(await sizes(5, 1), [1, 1, 1, 1, 1]);
  assert.deepEqual(await sizes(20, 8, () => 0, true), [8, 8, 4]);
  assert.deepEqual(await sizes(9, 8, (n) => n < 7 ? 0 : n), [1, 1, 2, 3, 1, 1]);
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const b of growingBatches(numbers(3, new Error("cut")), 8, () => 0)) seen.push(...b);
  }, /cut/);
  assert.deepEqual(seen, [0, 1, 2]);
});
