import assert from "node:assert/strict";
import { clipMemory } from "./clip_work.ts";
import { planGrid } from "../sampling/grid.ts";
import type { ProcessPlan } from "./process.ts";
import { openCpuStage } from "./cpu.ts";
import { WorkerPool } from "./worker_pool.ts";

const size = { width: 32, height: 32 };
const plan: ProcessPlan = {
  ...size,
  ...{
    samples: [0, 1],
    grid: planGrid(32, 32),
    energy: "blocksad",
    energyPct: 95,
    compensate: true,
  },
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
  using pool = new WorkerPool(1, broken, clipMemory(plan, true));
  const jobs = [pool.run(frame()), pool.run(frame())];
  // Each is looked at in its turn: a later one is no unhandled rejection meanwhile.
  for (const job of jobs) job.catch(() => {});
  for (const job of jobs) await settled(assert.rejects(job, crashed));
  await settled(assert.rejects(pool.run(frame()), crashed));
});

Deno.test("a job that fails fails those behind it with its own message", async () => {
  using pool = new WorkerPool(1, plan, clipMemory(plan, true));
  await settled(pool.run(frame()));
  const short = pool.run({ ...frame(), rgb: new Uint8Array(3) });
  const behind = pool.run(frame());
  const reason = { message: /^Cannot process frames: frame 0 has 3 bytes/ };
  for (const job of [short, behind]) await settled(assert.rejects(job, reason));
});

Deno.test("an answer that comes when all has failed is let go", () =>
  counted(async (counts) => {
    using pool = new WorkerPool(2, plan, clipMemory(plan, true));
    const short = () => pool.run({ ...frame(), rgb: new Uint8Array(3) });
    const jobs = [short(), short()];
    const reason = { message: /^Cannot process frames: frame 0 has 3 bytes/ };
    for (const job of jobs) job.catch(() => {});
    for (const job of jobs) await settled(assert.rejects(job, reason));
    const both = async () => {
      while (counts.answered < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await settled(both());
  }));

Deno.test("closing the pool rejects what is not done", async () => {
  const pool = new WorkerPool(1, plan, clipMemory(plan, true));
  const job = pool.run(frame());
  pool[Symbol.dispose]();
  await settled(assert.rejects(job, { name: "AbortError" }));
});

/** Runs with counts of the threads that are started, their answers, and their ends. */
async function counted(use: (counts: Record<"started" | "answered" | "ended", number>) => unknown) {
  const { Worker } = globalThis;
  const counts = { started: 0, answered: 0, ended: 0 };
  globalThis.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      counts.started++;
      this.addEventListener("message", () => counts.answered++);
    }

    override terminate(): void {
      counts.ended++;
      super.terminate();
    }
  };
  try {
    await use(counts);
  } finally {
    globalThis.Worker = Worker;
  }
}

Deno.test("the pool counts the time of its work by kind, and ends all its threads", () =>
  counted(async (counts) => {
    const large = { ...plan, width: 640, height: 480, grid: planGrid(640, 480) };
    const pool = new WorkerPool(2, large, clipMemory(large, true));
    for (const number of [0, 1]) {
      const rgb = new Uint8Array(3 * 640 * 480);
      await settled(pool.run({ kind: "prepare", number, rgb }));
    }
    assert.ok(pool.timings.resize > 0);
    assert.equal(pool.timings.energy, 0);
    await settled(pool.run({ kind: "measure", sample: 1 }));
    assert.ok(pool.timings.energy > 0);
    pool[Symbol.dispose]();
    assert.deepEqual(counts, { started: 2, answered: 3, ended: 2 });
  }));

Deno.test("the process stage starts no more threads than there are frames", () =>
  counted(async (counts) => {
    await using _ = openCpuStage(plan, { threads: 8 });
    assert.equal(counts.started, 2);
  }));

Deno.test("the process stage takes a frame when all but the last few are prepared", () =>
  counted(async (counts) => {
    for (const prefetchDepth of [1, 2, 3]) {
      counts.answered = 0;
      const samples = Array.from({ length: 12 }, (_, n) => n);
      const one = { ...plan, samples, energy: "codec" } as const;
      await using stage = openCpuStage(one, { threads: 2, prefetchDepth });
      for (const number of samples) {
        await settled(stage.add({ number, data: new Uint8Array(3 * 32 * 32) }));
        const waiting = number + 1 - counts.answered;
        assert.ok(waiting < prefetchDepth, `${waiting} frames wait at a depth of ${prefetchDepth}`);
      }
      await settled(stage.finish());
    }
  }));
