import assert from "node:assert/strict";
import { ManualClock } from "./clock.ts";
import { Resequencer } from "./resequence.ts";

type Item = { streamId: string; sequence: number };
const item = (sequence: number): Item => ({ streamId: "a", sequence });

/** What becomes of an item behind so many gaps, whose first one it would have filled. */
async function fateBehind(gaps: number): Promise<"late" | "duplicate"> {
  // Each even number gives up the odd one before the last.
  const evens = Array.from({ length: gaps + 2 }, (_, i) => item(2 * i));
  const order = new Resequencer<Item>({ window: 1, clock: new ManualClock() });
  const input = ReadableStream.from([...evens, item(1)]);
  await Array.fromAsync(input.pipeThrough(order));
  const { late, duplicates } = order.counters;
  assert.equal(late + duplicates, 1);
  return late === 1 ? "late" : "duplicate";
}

Deno.test("resequence: the last 64 gaps are remembered, those before count as seen", async () => {
  assert.equal(await fateBehind(64), "late");
  assert.equal(await fateBehind(65), "duplicate");
});

Deno.test("resequence: takes in one item more than its window while nobody reads", async () => {
  const order = new Resequencer<Item>({ window: 4 });
  let taken = 0;
  const source = new ReadableStream<Item>({
    // Comes to an end, so that a stage without a bound does not run for ever.
    pull: (controller) => taken < 1000 ? controller.enqueue(item(taken++)) : controller.close(),
  }, { highWaterMark: 0 });
  const done = source.pipeTo(order.writable).catch(() => {});
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  const most = taken;
  await order.readable.cancel();
  await done;
  assert.equal(most, 5);
});
