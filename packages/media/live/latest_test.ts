import assert from "node:assert/strict";
import { latest } from "./latest.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("latest() gives every item to a fast reader, in order", async () => {
  const items = latest(async function* () {
    for (let i = 1; i < 5; i++) {
      yield i;
      await sleep(2);
    }
  });
  assert.deepEqual(await Array.fromAsync(items), [1, 2, 3, 4]);
});

Deno.test("latest() keeps a slow reader within one item of the source, and counts the rest", async () => {
  let made = 0;
  let dropped = 0;
  let taken = 0;
  const items = latest(async function* () {
    while (made < 60) {
      yield ++made;
      await sleep(0);
    }
  }, { onDrop: () => dropped++ });
  for await (const item of items) {
    assert.ok(made - item <= 1, `took item ${item} when ${made} had been made`);
    taken++;
    for (const slow = Math.min(60, made + 10); made < slow;) await sleep(0);
  }
  assert.equal(taken + dropped, 60);
  assert.ok(taken < 40);
});

Deno.test("latest() notifies the source when its reader leaves", async () => {
  let closed = false;
  const open = async function* (signal: AbortSignal) {
    try {
      while (!signal.aborted) {
        yield 1;
        await sleep(1);
      }
    } finally {
      closed = true;
    }
  };
  for await (const _ of latest(open)) break;
  assert.ok(closed);
});

Deno.test("latest() gives the error of its source", async () => {
  const got: number[] = [];
  const failing = latest<number>(async function* () {
    yield 7;
    await sleep(5);
    throw new Error("gone");
  });
  await assert.rejects(async () => {
    for await (const item of failing) got.push(item);
  }, { message: "gone" });
  assert.deepEqual(got, [7]);
});
