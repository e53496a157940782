/**
 * The process stage on the CPU: TypeScript and WebAssembly SIMD, over threads.
 *
 * @module
 */
import { defined } from "@vcs/transport/portable";
import { type ClipMemory, clipMemory, ClipWork, distinctFrames, part } from "./clip_work.ts";
import type { ProcessedClip, ProcessPlan, ProcessStage, SampledFrame } from "./process.ts";
import { type Job, WorkerPool } from "./worker_pool.ts";

/** How the stage runs. */
export interface CpuStageOptions {
  /** Threads; 1 works in the calling thread. Default: as many as pay, up to one per core. */
  threads?: number;
  /** Frames that may wait for a thread before {@linkcode ProcessStage.add} does. Default: 3. */
  prefetchDepth?: number;
}

/** Does jobs somewhere. */
type Runner = Pick<WorkerPool, "run" | "timings"> & Disposable;

/** Pixels that are processed in about the time that a thread takes to start. */
const PIXELS_PER_START = 8e6;

/** Threads whose start pays: for a few small frames the calling thread is faster. */
function usefulThreads(plan: ProcessPlan): number {
  const pixels = distinctFrames(plan) * plan.width * plan.height;
  const starts = Math.max(1, Math.ceil(pixels / PIXELS_PER_START));
  return Math.min(starts, navigator.hardwareConcurrency);
}

/** Opens a process stage on the CPU. */
export function openCpuStage(plan: ProcessPlan, options: CpuStageOptions = {}): ProcessStage {
  return new CpuStage(plan, options);
}

class CpuStage implements ProcessStage {
  readonly device = "cpu";
  readonly #plan: ProcessPlan;
  readonly #memory: ClipMemory;
  readonly #runner: Runner;
  readonly #depth: number;
  /** Of each distinct frame: when its luma and pixels are there. */
  readonly #prepared: Promise<void>[] = [];
  readonly #measured: Promise<void>[] = [];
  #sample = 0;

  constructor(plan: ProcessPlan, options: CpuStageOptions) {
    const { threads = usefulThreads(plan), prefetchDepth = 3 } = options;
    this.#plan = plan;
    this.#memory = clipMemory(plan, threads > 1);
    this.#runner = threads > 1
      ? new WorkerPool(Math.min(threads, distinctFrames(plan)), plan, this.#memory)
      : new HereRunner(plan, this.#memory);
    this.#depth = Math.max(1, prefetchDepth);
  }

  async add({ number, data, energy }: SampledFrame): Promise<void> {
    this.#prepared.push(this.#watch(this.#runner.run({ kind: "prepare", number, rgb: data })));
    for (; this.#plan.samples[this.#sample] === number; this.#sample++) {
      if (this.#sample > 0) this.#measured.push(this.#watch(this.#measure(this.#sample, energy)));
    }
    await this.#prepared[number - this.#depth + 1];
  }

  /** Measures a sample once its frame and all before are prepared. */
  async #measure(sample: number, energy: Float32Array | undefined): Promise<void> {
    const { samples } = this.#plan;
    await Promise.all(this.#prepared.slice(0, samples[sample]! + 1));
    const repeated = samples[sample] === samples[sample - 1];
    const map = repeated ? undefined : energy;
    await this.#runner.run({ kind: "measure", sample, ...defined({ energy: map }) });
  }

  /** A failure is reported by whoever awaits the promise next, not as an unhandled rejection. */
  #watch(promise: Promise<void>): Promise<void> {
    promise.catch(() => {});
    return promise;
  }

  async finish(): Promise<ProcessedClip> {
    await Promise.all([...this.#prepared, ...this.#measured]);
    const { targetW, targetH } = this.#plan.grid;
    return {
      scores: new Float32Array(this.#memory.scores),
      ...(this.#plan.change && { change: new Float32Array(this.#memory.change) }),
      pixels: this.#prepared.map((_, n) => part(this.#memory.pixels, 3 * targetW * targetH, n)),
      timings: this.#runner.timings,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#runner[Symbol.dispose]();
    return Promise.resolve();
  }
}

/** Does jobs in the calling thread. */
class HereRunner implements Runner {
  readonly timings = { resize: 0, energy: 0 };
  readonly #work: ClipWork;

  constructor(plan: ProcessPlan, memory: ClipMemory) {
    this.#work = new ClipWork(plan, memory);
  }

  run(job: Job): Promise<void> {
    // What a job throws comes as a rejection.
    return new Promise((resolve) => resolve(this.#run(job)));
  }

  #run(job: Job): void {
    const start = performance.now();
    if (job.kind === "prepare") this.#work.prepare(job.number, job.rgb);
    else this.#work.measure(job.sample, job.energy);
    this.timings[job.kind === "prepare" ? "resize" : "energy"] += performance.now() - start;
  }

  [Symbol.dispose](): void {}
}
