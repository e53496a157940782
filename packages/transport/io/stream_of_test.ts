import assert from "node:assert/strict";
import { streamOf } from "./stream_of.ts";

Deno.test("streamOf() asks for an item when a reader wants it, and ends with the sequence", async () => {
  const asked: number[] = [];
  async function* numbers() {
    for (let i = 0; i < 3; i++) {
      asked.push(i);
      yield i;
    }
  }
  const reader = streamOf(numbers()).getReader();
  assert.deepEqual(asked, []);
  assert.equal((await reader.read()).value, 0);
  assert.deepEqual(asked, [0]);
  assert.equal((await reader.read()).value, 1);
  assert.equal((await reader.read()).value, 2);
  assert.equal((await reader.read()).done, true);
  assert.deepEqual(await Array.fromAsync(streamOf([1, 2])), [1, 2]);
});

Deno.test("streamOf() ends the sequence when it is cancelled, and fails as it fails", async () => {
  let ended = false;
  async function* endless() {
    try {
      for (;;) yield 1;
    } finally {
      ended = true;
    }
  }
  const stream = streamOf(endless());
  for await (const _ of stream) break;
  assert.ok(ended);
  async function* broken() {
    yield 1;
    throw new RangeError("no more");
  }
  await assert.rejects(Array.fromAsync(streamOf(broken())), /no more/);
});
