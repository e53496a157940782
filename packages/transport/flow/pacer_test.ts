import assert from "node:assert/strict";
import { ManualClock } from "./clock.ts";
import { Pacer, type PacerOptions } from "./pacer.ts";

/** A pacer on a clock of its own, with a reader that notes when each frame came. */
function paced<T>(options: Omit<PacerOptions<T>, "clock">) {
  const clock = new ManualClock();
  const pacer = new Pacer<T>({ ...options, clock });
  const writer = pacer.writable.getWriter();
  const seen: { frame: T; at: number }[] = [];
  const done = (async () => {
    for await (const frame of pacer.readable) seen.push({ frame, at: clock.now() });
  })();
  return { clock, pacer, writer, seen, done };
}

Deno.test("pacer: bursts of 17 leave at exactly 25 per second", async () => {
  const { clock, pacer, writer, seen, done } = paced<number>({ rate: 25, capacity: 51 });
  for (let window = 0; window < 10; window++) {
    for (let i = 0; i < 17; i++) void writer.write(window * 17 + i);
    await clock.advance(window === 0 ? 17 * 40 - 10 : 17 * 40);
  }
  void writer.close();
  await clock.advance(1000);
  await done;
  assert.deepEqual(seen.map(({ frame }) => frame), Array.from({ length: 170 }, (_, i) => i));
  assert.deepEqual(seen.map(({ at }) => at), Array.from({ length: 170 }, (_, i) => i * 40));
  assert.equal(pacer.counters.underruns, 0);
  assert.ok(pacer.counters.deepest <= 51);
});

Deno.test("pacer: a stall repeats the last frame and resumes on the schedule", async () => {
  const { clock, pacer, writer, seen, done } = paced<string>({ rate: 10 });
  void writer.write("a");
  await clock.advance(350);
  for (const frame of ["b", "c"]) void writer.write(frame);
  void writer.close();
  await clock.advance(1000);
  await done;
  assert.deepEqual(seen, [
    { frame: "a", at: 0 },
    { frame: "a", at: 100 },
    { frame: "a", at: 200 },
    { frame: "a", at: 300 },
    { frame: "b", at: 400 },
    { frame: "c", at: 500 },
  ]);
  assert.equal(pacer.counters.underruns, 3);
});

Deno.test("pacer: a stall may show a blank frame or nothing", async () => {
  for (const underrun of ["blank", "wait"] as const) {
    const { clock, pacer, writer, seen, done } = paced<string>({ rate: 10, underrun, blank: "-" });
    void writer.write("a");
    await clock.advance(250);
    void writer.write("b");
    void writer.close();
    await clock.advance(1000);
    await done;
    const between = underrun === "blank" ? "--" : "";
    assert.equal(seen.map(({ frame }) => frame).join(""), `a${between}b`);
    assert.equal(seen.at(-1)?.at, 300);
    assert.equal(pacer.counters.underruns, 2);
  }
});

Deno.test("pacer: the schedule starts when enough frames wait", async () => {
  const { clock, writer, seen, done } = paced<number>({ rate: 10, prefill: 3 });
  void writer.write(0);
  void writer.write(1);
  await clock.advance(500);
  assert.deepEqual(seen, []);
  void writer.write(2);
  void writer.close();
  await clock.advance(1000);
  await done;
  assert.deepEqual(seen.map(({ at }) => at), [500, 600, 700]);
});

Deno.test("pacer: fewer frames than the prefill still come out at the end", async () => {
  const { clock, writer, seen, done } = paced<number>({ rate: 10, prefill: 3 });
  void writer.write(0);
  void writer.close();
  await clock.advance(100);
  await done;
  assert.equal(seen.length, 1);
});

Deno.test("pacer: a full ring blocks the decoder, or drops by policy", async () => {
  for (const overflow of ["block", "drop-oldest", "drop-newest"] as const) {
    const clock = new ManualClock();
    const pacer = new Pacer<number>({ rate: 10, capacity: 4, overflow, clock });
    const writer = pacer.writable.getWriter();
    let written = 0;
    for (let i = 0; i < 10; i++) void writer.write(i).then(() => written++);
    await clock.advance(0);
    const drops = overflow !== "block";
    assert.equal(written, drops ? 10 : 4);
    assert.equal(pacer.counters.dropped, drops ? 6 : 0);
    assert.equal(pacer.counters.depth, 4);
    const first = await pacer.readable.getReader().read();
    assert.equal(first.value, overflow === "drop-oldest" ? 6 : 0);
  }
});

Deno.test("pacer: a late reader costs slots, not a burst", async () => {
  const clock = new ManualClock();
  const pacer = new Pacer<number>({ rate: 10, clock });
  const writer = pacer.writable.getWriter();
  for (let i = 0; i < 4; i++) void writer.write(i);
  const reader = pacer.readable.getReader();
  assert.equal((await reader.read()).value, 0);
  await clock.advance(370);
  assert.equal((await reader.read()).value, 1);
  const third = reader.read();
  await clock.advance(20);
  assert.equal(await Promise.race([third, Promise.resolve("not yet")]), "not yet");
  await clock.advance(10);
  assert.equal((await third).value, 2);
  assert.equal(pacer.counters.late, 2);
});

Deno.test("pacer: an aborted signal ends a waiting reader", async () => {
  const abort = new AbortController();
  const pacer = new Pacer<number>({ rate: 0.001, signal: abort.signal });
  const writer = pacer.writable.getWriter();
  void writer.write(1);
  const reader = pacer.readable.getReader();
  await reader.read();
  const waiting = reader.read();
  setTimeout(() => abort.abort(new Error("enough")), 1);
  await assert.rejects(waiting, /enough/);
  await assert.rejects(writer.closed, /enough/);
});

Deno.test("pacer: misuse is refused", () => {
  for (const rate of [0, -1, NaN, Infinity]) assert.throws(() => new Pacer({ rate }), RangeError);
  assert.throws(() => new Pacer({ rate: 1, prefill: 52 }), RangeError);
  assert.throws(() => new Pacer({ rate: 1, capacity: 0 }), RangeError);
  assert.throws(() => new Pacer({ rate: 1, underrun: "blank" }), TypeError);
});
