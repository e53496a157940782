import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { ManualClock } from "./clock.ts";
import { Resequencer, type ResequencerOptions } from "./resequence.ts";

type Item = { streamId: string; sequence: number };

function items(streamId: string, ...sequences: number[]): Item[] {
  return sequences.map((sequence) => ({ streamId, sequence }));
}

/** Sends items with no time passing; gives what came out as "a0 a1 b0". */
async function through(input: Item[], options: ResequencerOptions = {}) {
  const order = new Resequencer<Item>({ clock: new ManualClock(), ...options });
  const output = await Array.fromAsync(ReadableStream.from(input).pipeThrough(order));
  return { text: show(output), counters: order.counters };
}

function show(output: Item[]): string {
  return output.map(({ streamId, sequence }) => `${streamId}${sequence}`).join(" ");
}

Deno.test("resequence: swaps and duplicates are undone", async () => {
  const { text, counters } = await through(items("a", 1, 0, 0, 3, 3, 2, 1));
  assert.equal(text, "a0 a1 a2 a3");
  assert.deepEqual(counters, { delivered: 4, duplicates: 3, missing: 0, late: 0, held: 0 });
});

Deno.test("resequence: any shuffle within the window comes out in order", async () => {
  const next = random(3);
  for (let round = 0; round < 50; round++) {
    const window = 1 + Math.floor(next() * 8);
    const keyed = Array.from({ length: 100 }, (_, i) => ({ i, key: i + next() * (window + 1) }));
    const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ i }) => i);
    const doubled = shuffled.flatMap((i) => next() < 0.2 ? [i, i] : [i]);
    const { text, counters } = await through(items("s", ...doubled), { window });
    assert.equal(text, show(items("s", ...Array(100).keys())));
    assert.equal(counters.duplicates, doubled.length - 100);
    assert.equal(counters.missing, 0);
  }
});

Deno.test("resequence: a full window gives up what is missing", async () => {
  const { text, counters } = await through(items("a", 0, 2, 3, 4, 1, 1, 5), { window: 2 });
  assert.equal(text, "a0 a2 a3 a4 a5");
  assert.deepEqual(counters, { delivered: 5, duplicates: 0, missing: 1, late: 2, held: 0 });
});

Deno.test("resequence: the end gives out what is held", async () => {
  const { text, counters } = await through(items("a", 0, 5, 3));
  assert.equal(text, "a0 a3 a5");
  assert.equal(counters.missing, 3);
});

Deno.test("resequence: a hole is waited for until the timeout", async () => {
  const clock = new ManualClock();
  const order = new Resequencer<Item>({ clock, timeout: 200 });
  const writer = order.writable.getWriter();
  const output: Item[] = [];
  const done = order.readable.pipeTo(
    new WritableStream({ write: (item) => void output.push(item) }),
  );
  for (const item of items("a", 0, 2)) await writer.write(item);
  await clock.advance(199);
  assert.equal(show(output), "a0");
  assert.equal(order.counters.held, 1);
  await clock.advance(1);
  assert.equal(show(output), "a0 a2");
  for (const item of items("a", 1, 3)) await writer.write(item);
  await writer.close();
  await done;
  assert.equal(show(output), "a0 a2 a3");
  assert.deepEqual(order.counters, { delivered: 3, duplicates: 0, missing: 1, late: 1, held: 0 });
});

Deno.test("resequence: a stream joined later starts after the timeout, nothing missing", async () => {
  const { text, counters } = await through(items("a", 57, 58, 56), { timeout: 0 });
  assert.match(text, /^a5[67]/);
  assert.equal(counters.missing, 0);
});

Deno.test("resequence: each stream has its own order", async () => {
  const mixed = [...items("a", 1), ...items("b", 0, 2), ...items("a", 0), ...items("b", 1)];
  const { text } = await through(mixed);
  assert.equal(text, "b0 a0 a1 b1 b2");
});

Deno.test("resequence: a retired stream gives out what it holds and gets nothing more", async () => {
  const input = [...items("a", 0, 2), ...items("b", 0), ...items("a", 1)];
  const { text, counters } = await through(input, { streams: 1 });
  assert.equal(text, "a0 a2 b0");
  assert.equal(counters.late, 1);
});

Deno.test("resequence: a huge jump costs no memory or time", async () => {
  const far = Number.MAX_SAFE_INTEGER - 1;
  const { text, counters } = await through(items("a", 0, far), { window: 1, timeout: 0 });
  assert.equal(text, `a0 a${far}`);
  assert.equal(counters.missing, far - 1);
});

Deno.test("resequence: a reader that stalls holds the writer back", async () => {
  const order = new Resequencer<Item>({ window: 2 });
  let taken = 0;
  const source = new ReadableStream<Item>({
    pull: (controller) => controller.enqueue({ streamId: "a", sequence: taken++ }),
  }, { highWaterMark: 0 });
  const done = source.pipeTo(order.writable).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(taken <= 2 * 2 + 2, `${taken} items taken in`);
  await order.readable.cancel();
  await done;
});

Deno.test("resequence: an aborted signal frees a waiting reader", async () => {
  const abort = new AbortController();
  const order = new Resequencer<Item>({ signal: abort.signal });
  const writer = order.writable.getWriter();
  await writer.write({ streamId: "a", sequence: 1 });
  const read = order.readable.getReader().read();
  setTimeout(() => abort.abort(new Error("enough")), 1);
  await assert.rejects(read, /enough/);
  await assert.rejects(writer.closed, /enough/);
});

Deno.test("resequence: misuse is refused", () => {
  for (const options of [{ window: 0 }, { streams: 0 }, { timeout: -1 }, { timeout: NaN }]) {
    assert.throws(() => new Resequencer(options), RangeError);
  }
});
