import assert from "node:assert/strict";
import { ManualClock } from "./clock.ts";
import { Resequencer } from "./resequence.ts";

type Item = { streamId: string; sequence: number };
const item = (sequence: number): Item => ({ streamId: "a", sequence });

/** What becomes of an item that comes again after so many others. */
async function fateAfter(others: number): Promise<"late" | "duplicate"> {
  const order = new Resequencer<Item>({ clock: new ManualClock() });
  const items = Array.from({ length: others + 1 }, (_, i) => item(i));
  await Array.fromAsync(ReadableStream.from([...items, item(0)]).pipeThrough(order));
  const { late, duplicates } = order.counters;
  assert.equal(late + duplicates, 1);
  return late === 1 ? "late" : "duplicate";
}

Deno.test("resequence: the last 1,024 items are known when they come again, older ones are late", async () => {
  assert.equal(await fateAfter(1023), "duplicate");
  assert.equal(await fateAfter(1024), "late");
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
