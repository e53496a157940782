import assert from "node:assert/strict";
import { Queue, type QueueOptions } from "./queue.ts";

/** Writes 0 … count-1 without a reader, then reads what is left. */
async function overfill(count: number, options: QueueOptions<number>) {
  const queue = new Queue<number>(options);
  const writer = queue.writable.getWriter();
  for (let i = 0; i < count; i++) await writer.write(i);
  await writer.close();
  return { items: await Array.fromAsync(queue.readable), counters: queue.counters };
}

Deno.test("flow: drop-oldest keeps the newest items", async () => {
  const dropped: number[] = [];
  const { items, counters } = await overfill(10, {
    capacity: 3,
    policy: "drop-oldest",
    onDrop: (item) => dropped.push(item),
  });
  assert.deepEqual(items, [7, 8, 9]);
  assert.deepEqual(dropped, [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(counters, { written: 10, read: 3, dropped: 7, depth: 0, deepest: 3 });
});

Deno.test("flow: drop-newest keeps the oldest items", async () => {
  const { items, counters } = await overfill(10, { capacity: 3, policy: "drop-newest" });
  assert.deepEqual(items, [0, 1, 2]);
  assert.deepEqual(counters, { written: 10, read: 3, dropped: 7, depth: 0, deepest: 3 });
});

Deno.test("flow: block loses nothing and never holds more than its capacity", async () => {
  for (const capacity of [1, 2, 3, 4]) {
    const queue = new Queue<number>({ capacity });
    const sent = Array.from({ length: 200 }, (_, i) => i);
    const got: number[] = [];
    const done = ReadableStream.from(sent).pipeTo(queue.writable);
    for await (const item of queue.readable) {
      if (item % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      got.push(item);
    }
    await done;
    assert.deepEqual(got, sent);
    assert.deepEqual(queue.counters, {
      written: 200,
      read: 200,
      dropped: 0,
      depth: 0,
      deepest: capacity,
    });
  }
});

Deno.test("flow: a blocked writer waits, with one item in its hand", async () => {
  const abort = new AbortController();
  const queue = new Queue<number>({ capacity: 2, signal: abort.signal });
  let taken = 0;
  const source = new ReadableStream<number>({
    pull: (controller) => controller.enqueue(taken++),
  }, { highWaterMark: 0 });
  const done = source.pipeTo(queue.writable).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(queue.counters.depth, 2);
  assert.equal(taken, 3);
  abort.abort();
  await done;
  assert.equal(queue.counters.depth, 0);
});

Deno.test("flow: a slow reader of a dropping queue accounts for every item", async () => {
  const queue = new Queue<number>({ capacity: 2, policy: "drop-oldest" });
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  const done = (async () => {
    const writer = queue.writable.getWriter();
    for (let i = 0; i < 40; i++) {
      await writer.write(i);
      await turn();
    }
    await writer.close();
  })();
  const got: number[] = [];
  for await (const item of queue.readable) {
    got.push(item);
    for (const slow = Math.min(40, item + 5); queue.counters.written < slow;) await turn();
  }
  await done;
  const { written, read, dropped } = queue.counters;
  assert.equal(written, 40);
  assert.equal(read, got.length);
  assert.equal(dropped, written - read);
  assert.ok(dropped > 0);
  assert.deepEqual(got, got.toSorted((a, b) => a - b));
  assert.equal(got.at(-1), 39);
});

Deno.test("flow: an aborted signal frees both ends", async () => {
  const abort = new AbortController();
  const queue = new Queue<number>({ capacity: 1, signal: abort.signal });
  const writer = queue.writable.getWriter();
  await writer.write(1);
  const blocked = writer.write(2);
  abort.abort(new Error("enough"));
  await assert.rejects(blocked, /enough/);
  await assert.rejects(queue.readable.getReader().read(), /enough/);
  await assert.rejects(writer.closed, /enough/);
});

Deno.test("flow: a waiting reader ends with an aborted signal", async () => {
  const abort = new AbortController();
  const queue = new Queue<number>({ signal: abort.signal });
  const read = queue.readable.getReader().read();
  abort.abort(new Error("enough"));
  await assert.rejects(read, /enough/);
  const late = new Queue<number>({ signal: abort.signal });
  await assert.rejects(late.readable.getReader().read(), /enough/);
});

Deno.test("flow: a reader that leaves stops the writer", async () => {
  const queue = new Queue<number>({ capacity: 1 });
  const writer = queue.writable.getWriter();
  await writer.write(1);
  const blocked = writer.write(2);
  await queue.readable.cancel(new Error("gone"));
  await assert.rejects(blocked, /gone/);
});

Deno.test("flow: a writer that fails fails the reader", async () => {
  const queue = new Queue<number>();
  const writer = queue.writable.getWriter();
  await writer.write(1);
  const reading = Array.fromAsync(queue.readable);
  await writer.abort(new Error("broken"));
  await assert.rejects(reading, /broken/);
});

Deno.test("flow: a write that fails fails the reader", async () => {
  const onDrop = () => {
    throw new Error("cannot count");
  };
  const queue = new Queue<number>({ capacity: 1, policy: "drop-oldest", onDrop });
  const writer = queue.writable.getWriter();
  await writer.write(1);
  const reader = queue.readable.getReader();
  await assert.rejects(writer.write(2), /cannot count/);
  await assert.rejects(reader.read(), /cannot count/);
  await assert.rejects(writer.closed, /cannot count/);
});

Deno.test("flow: misuse is refused", () => {
  for (const capacity of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => new Queue({ capacity }), RangeError);
  }
  assert.throws(() => new Queue({ policy: "drop" as "block" }), RangeError);
});
