import assert from "node:assert/strict";
import { FakeTime } from "#testing/fake_time.ts";
import { Passing, persistently, Stall } from "./requests.ts";

/** Tries something that fails until some try; gives the seconds between the tries. */
async function pausesOf(
  fails: (tries: number) => boolean,
  options: Parameters<typeof persistently>[1],
  received?: () => number,
): Promise<{ pauses: number[]; outcome: string }> {
  using time = new FakeTime();
  const at: number[] = [];
  let outcome = "";
  const step = () => {
    at.push(performance.now() / 1000);
    return fails(at.length) ? Promise.reject(new Passing("busy")) : Promise.resolve("done");
  };
  persistently(step, options, received).then(
    (found) => outcome = found,
    (e) => outcome = e.message,
  );
  await time.advance(3_600_000);
  return { pauses: at.slice(1).map((when, i) => when - at[i]!), outcome };
}

Deno.test("tries are made after 2, 4, 8 … seconds, five of them", async () => {
  const { pauses, outcome } = await pausesOf(() => true, {});
  assert.deepEqual(pauses, [2, 4, 8, 16]);
  assert.equal(outcome, "busy");
});

Deno.test("tries end as asked for, or with the first that works", async () => {
  assert.deepEqual((await pausesOf(() => true, { tries: 2, waitSeconds: 0.5 })).pauses, [1]);
  const { pauses, outcome } = await pausesOf((tries) => tries < 3, {});
  assert.deepEqual([pauses, outcome], [[2, 4], "done"]);
});

Deno.test("a try that gets further than all before starts the count and the pauses anew", async () => {
  const lengths = [0, 10, 5, 20, 15, 18, 18];
  let tries = 0;
  const fails = () => (tries++, true);
  const { pauses } = await pausesOf(fails, { tries: 3 }, () => lengths[tries]!);
  // 10 is further than nothing and 20 than 10; 18 is further than the try before, not than all.
  assert.deepEqual(pauses, [1, 2, 1, 2, 4]);
});

Deno.test("a connection on which nothing comes for its time is ended, and one that gets on is not", async () => {
  using time = new FakeTime();
  const real = globalThis.fetch;
  try {
    globalThis.fetch = (_url, init) =>
      new Promise((_, reject) =>
        init!.signal!.addEventListener("abort", () => reject(new Error("aborted")))
      );
    using stall = new Stall({ stallSeconds: 5 });
    let outcome = "";
    stall.fetch("http://localhost/", {}).catch((error) => outcome = error.message);
    await time.advance(4999);
    stall.watch();
    await time.advance(4999);
    assert.equal(outcome, "");
    await time.advance(1);
    assert.equal(outcome, "nothing came for 5 s");
  } finally {
    globalThis.fetch = real;
  }
  assert.equal(time.pending, 0);
});
