import assert from "node:assert/strict";
import { compareSides, isSlower, isSuspect, judge, quantile } from "./compare_statistics.ts";
import { whereThere } from "../testing/shared.ts";
import { takeTurns } from "./compare.ts";
import { canPin, numbersOf, ROOT, SuiteProcess } from "./suite_process.ts";

/** Turns of runs around a time, with a spread in percent. */
function turns(time: number, spread: number, seed: number, count = 6): number[][] {
  return Array.from({ length: count }, (_, turn) =>
    Array.from({ length: 20 }, (_, run) => {
      const chance = Math.abs(Math.sin(seed * 7919 + turn * 104729 + run * 1299709));
      return time * (1 + spread / 100 * chance);
    }));
}

Deno.test("quantile() lies between neighbours", () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([1, 2, 3, 4], 0.25), 1.75);
  assert.equal(quantile([5], 0.25), 5);
});

Deno.test("15 % slower is found, the same code and faster code are not", () => {
  for (const spread of [1, 10, 30]) {
    const base = turns(100, spread, 1);
    assert.ok(isSlower(compareSides({ base, head: turns(115, spread, 2) }), 0.08), `${spread} %`);
    assert.ok(!isSlower(compareSides({ base, head: turns(100, spread, 3) }), 0.08), `${spread} %`);
    assert.ok(!isSlower(compareSides({ base, head: turns(80, spread, 4) }), 0.08), `${spread} %`);
  }
});

Deno.test("what is slow in most looks, but not in three of four, is not slower", () => {
  const look = (time: number, n: number) => ({
    base: turns(100, 2, 2 * n),
    head: turns(time, 2, 2 * n + 1),
  });
  // As fast, or slower by less than the tolerance.
  for (const [slow, time] of [[8, 100], [7, 106]] as const) {
    const looks = Array.from({ length: 11 }, (_, n) => look(n < slow ? 150 : time, n));
    const verdict = judge(looks, 0.08);
    assert.ok(verdict.ratio > 1.08 && verdict.interval[0] > 1.08, `${verdict.interval}`);
    assert.ok(!verdict.slower, `${slow} looks`);
  }
});

Deno.test("15 % is found where another program interrupts one side more", () => {
  const busy = (time: number, seed: number, of5: number) =>
    turns(time, 2, seed).map((turn) => turn.map((run, n) => n % 5 < of5 ? 1.6 * run : run));
  const base = busy(100, 1, 3);
  assert.ok(isSlower(compareSides({ base, head: busy(115, 2, 2) }), 0.08));
  assert.ok(!isSlower(compareSides({ base, head: busy(100, 3, 2) }), 0.08));
  assert.ok(!isSlower(compareSides({ base: busy(100, 4, 2), head: busy(100, 5, 3) }), 0.08));
});

Deno.test("15 % is found where both sides are now and then 1.6 times slower, one of them more often", () => {
  // A neighbour on the same core: it comes and goes, and most neighbouring turns meet it alike.
  const neighbour = (times: number[][], isThere: (turn: number) => boolean) =>
    times.map((turn, n) => isThere(n) ? turn.map((time) => 1.6 * time) : turn);
  const [often, seldom] = [(n: number) => n % 12 < 7, (n: number) => n % 12 < 5];
  const base = neighbour(turns(100, 2, 1, 48), often);
  assert.ok(isSlower(
    compareSides({ base, head: neighbour(turns(115, 2, 2, 48), seldom) }),
    0.08,
  ));
  const same = neighbour(turns(100, 2, 3, 48), often);
  assert.ok(
    !isSlower(
      compareSides({ base: neighbour(turns(100, 2, 4, 48), seldom), head: same }),
      0.08,
    ),
  );
});

Deno.test("what a noisy first look cannot rule out is looked at again, what is as fast is not", () => {
  const base = turns(100, 2, 1);
  const look = (times: number[][]) => isSuspect(compareSides({ base, head: times }), 0.08);
  const half = turns(100, 2, 2).map((turn, n) => n < 3 ? turn.map((time) => 1.15 * time) : turn);
  assert.ok(!isSlower(compareSides({ base, head: half }), 0.08));
  assert.ok(look(half));
  assert.ok(look(turns(106, 2, 3)));
  assert.ok(!look(turns(101, 2, 4)));
  assert.ok(!look(turns(80, 2, 5)));
});

Deno.test("three looks that find it as fast clear it, two do not", () => {
  const look = (time: number, seed: number) => ({
    base: turns(100, 2, seed),
    head: turns(time, 2, seed + 1),
  });
  const judged = (...times: number[]) => judge(times.map((time, n) => look(time, 2 * n)), 0.08);
  const slow = judged(118, 119, 118);
  assert.deepEqual([slow.suspect, slow.slower, slow.turns], [true, true, 18]);
  assert.ok(slow.ratio > 1.15, String(slow.ratio));
  const twice = judged(101, 119, 118, 118, 100, 119, 118);
  assert.deepEqual([twice.suspect, twice.slower], [true, true]);
  const thrice = judged(118, 119, 101, 118, 100, 119, 118, 101, 118, 119, 119);
  assert.deepEqual([thrice.suspect, thrice.slower], [false, false]);
  // Together they are above the tolerance, nevertheless.
  assert.ok(thrice.interval[0] > 1.08, String(thrice.interval[0]));
  const between = judged(106);
  assert.deepEqual([between.suspect, between.slower], [true, false]);
});

Deno.test("the interval holds what other draws of the turns would give", () => {
  const base = turns(100, 2, 1);
  const head = turns(100, 2, 2).map((turn, n) =>
    n % 2 === 0 ? turn.map((time) => 1.4 * time) : turn
  );
  const { interval: [low, high], ratio } = compareSides({ base, head });
  assert.ok(low < 1.05 && high > 1.35, `${low} to ${high}`);
  assert.ok(low <= ratio && ratio <= high);
  assert.ok(
    !isSlower({
      ...compareSides({ base, head }),
      ratio: 1.2,
      interval: [1.07, 1.4],
    }, 0.08),
  );
});

Deno.test("numbersOf() reads lists of cores", () => {
  assert.deepEqual(numbersOf("0-3,6"), [0, 1, 2, 3, 6]);
  assert.deepEqual(numbersOf("2"), [2]);
});

Deno.test({
  ...whereThere("pin() puts all threads of a suite onto one core, and back", {
    "two cores and taskset": await canPin(),
  }),
  fn: async () => {
    await using side = new SuiteProcess(ROOT, "transport_formats", { quick: true });
    await side.names();
    const cores = () =>
      Array.from(Deno.readDirSync(`/proc/${side.pid}/task`), ({ name }) => {
        const text = Deno.readTextFileSync(`/proc/${side.pid}/task/${name}/status`);
        return numbersOf(/^Cpus_allowed_list:\s*(\S+)/m.exec(text)![1]!).length;
      });
    assert.ok(cores().length > 1);
    assert.ok(cores().every((count) => count > 1));
    await side.pin(true);
    assert.ok(cores().every((count) => count === 1));
    const { once, processors } = await side.tryOut(0);
    assert.ok(once > 0 && processors < 1.3, `${processors} processors`);
    await side.pin(false);
    assert.ok(cores().every((count) => count > 1));
  },
});

/** Sides whose benchmarks take these milliseconds a run, and so many to get ready, by their places. */
function made(runs: readonly number[], ready: readonly number[]) {
  let time = 0;
  const order: string[] = [];
  const side = (name: string) => ({
    pin: () => Promise.resolve(),
    tryOut: (index: number) => {
      time += ready[index]!;
      order.push(`try ${name} ${index}`);
      return Promise.resolve({ once: runs[index]! * 1e6, processors: 1 });
    },
    measure: (index: number, milliseconds: number) => {
      const count = Math.ceil(milliseconds / runs[index]!);
      time += count * runs[index]!;
      order.push(`${name} ${index}`);
      return Promise.resolve(Array<number>(count).fill(runs[index]! * 1e6));
    },
  });
  const pairs = runs.map((_, place) => ({ group: "", name: "", base: place, head: place }));
  const sides = { base: side("base"), head: side("head") };
  return { sides, pairs, order, now: () => time };
}

Deno.test("what a benchmark needs to get ready is not its measuring; others leave it 100 ms", async () => {
  const { sides, pairs, now, order } = made([1, 150, 1, 500], [300, 0, 0, 0]);
  const measured = await takeTurns(sides, pairs, 1, { first: "head", longest: 200, now });
  assert.deepEqual(measured.map(({ pair }) => pair.base), [0, 1, 2]);
  // A quarter of the second, three turns of a long run, and what those leave.
  assert.deepEqual(measured.map(({ sides: { base } }) => base.length), [50, 3, 30]);
  const late = await takeTurns(sides, pairs.slice(1, 3), 0.2, { first: "base", now });
  assert.deepEqual(late.map(({ sides: { base } }) => base.length), [3, 20]);
  // Which side is first changes from turn to turn.
  assert.deepEqual(order.slice(0, 6), [
    "try head 0",
    "try base 0",
    "head 0",
    "base 0",
    "base 0",
    "head 0",
  ]);
});
