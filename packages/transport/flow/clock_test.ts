import assert from "node:assert/strict";
import { ManualClock, systemClock } from "./clock.ts";

Deno.test("clock: sleepers wake in the order in which they are due", async () => {
  const clock = new ManualClock();
  const woken: [string, number][] = [];
  const sleep = async (name: string, ms: number) => {
    await clock.sleep(ms);
    woken.push([name, clock.now()]);
    if (name === "first") await sleep("nested", 5);
  };
  const all = [sleep("last", 30), sleep("first", 10), sleep("at once", 0)];
  await clock.advance(40);
  await Promise.all(all);
  assert.deepEqual(woken, [["at once", 0], ["first", 10], ["nested", 15], ["last", 30]]);
  assert.equal(clock.now(), 40);
});

for (const clock of [systemClock, new ManualClock()]) {
  Deno.test(`clock: ${clock.constructor.name} sleeps end with an aborted signal`, async () => {
    const abort = new AbortController();
    const sleeping = clock.sleep(1e12, abort.signal);
    abort.abort(new Error("enough"));
    await assert.rejects(sleeping, /enough/);
    await assert.rejects(clock.sleep(0, abort.signal), /enough/);
    await clock.sleep(-1);
  });
}

Deno.test("clock: the machine's clock goes on", async () => {
  const before = systemClock.now();
  await systemClock.sleep(5);
  assert.ok(systemClock.now() - before >= 4);
});

Deno.test("clock: it never goes back where it is moved while it moves", async () => {
  const clock = new ManualClock();
  const seen: number[] = [];
  void clock.sleep(10).then(async () => {
    await clock.advance(5);
    seen.push(clock.now());
  });
  await clock.advance(100);
  while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([...seen, clock.now()], [100, 100]);
});
