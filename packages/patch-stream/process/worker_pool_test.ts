import assert from "node:assert/strict";
import { clipMemory } from "./clip_work.ts";
import { planGrid } from "../sampling/grid.ts";
import type { ProcessPlan } from "./process.ts";
import { WorkerPool } from "./worker_pool.ts";

const size = { width: 32, height: 32 };
const plan: ProcessPlan = {
  ...size,
  ...{ samples: [0, 1], grid: planGrid(32, 32), energy: "blocksad", energyPct: 95 },
  ...{ antialias: false, change: false },
};
const frame = () => ({ kind: "prepare", number: 0, rgb: new Uint8Array(3 * 32 * 32) }) as const;

/** The work, or an error where it hangs. */
async function settled(work: Promise<unknown>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hung = new Promise((_, reject) =>
    timer = setTimeout(() => reject(new Error("not settled in 20 s")), 20_000)
  );
  return await Promise.race([work, hung]).finally(() => clearTimeout(timer));
}

const crashed = { message: /^Cannot process frames: a worker failed: / };

Deno.test("a worker that crashes rejects the jobs that run, those that wait and later ones", async () => {
  // Without a grid a thread cannot prepare its tools: that is no job's error.
  const broken = { ...plan, grid: undefined } as unknown as ProcessPlan;
  using pool = new WorkerPool(1, broken, clipMemory(plan));
  const jobs = [pool.run(frame()), pool.run(frame())];
  for (const job of jobs) await settled(assert.rejects(job, crashed));
  await settled(assert.rejects(pool.run(frame()), crashed));
});

Deno.test("a job that fails fails those behind it with its own message", async () => {
  using pool = new WorkerPool(1, plan, clipMemory(plan));
  await settled(pool.run(frame()));
  const short = pool.run({ ...frame(), rgb: new Uint8Array(3) });
  const behind = pool.run(frame());
  const reason = { message: /^Cannot process frames: frame 0 has 3 bytes/ };
  for (const job of [short, behind]) await settled(assert.rejects(job, reason));
});

Deno.test("closing the pool rejects what is not done", async () => {
  const pool = new WorkerPool(1, plan, clipMemory(plan));
  const job = pool.run(frame());
  pool[Symbol.dispose]();
  await settled(assert.rejects(job, { name: "AbortError" }));
});
