/**
 * Threads that do the jobs of the CPU process stage, first come first served.
 *
 * @module
 */
import type { ClipMemory } from "./clip_work.ts";
import type { ProcessPlan, ProcessTimings } from "./process.ts";

/** A job for a thread. */
export type Job =
  | { readonly kind: "prepare"; readonly number: number; readonly rgb: Uint8Array }
  | { readonly kind: "measure"; readonly sample: number; readonly energy?: Float32Array };

/** What a thread receives. */
export type ToWorker = { readonly plan: ProcessPlan; readonly memory: ClipMemory } | Job;

/** What a thread answers when a job is done: milliseconds it took, or what went wrong. */
export type FromWorker = { readonly ms: number } | { readonly error: string };

/** Never called: it puts the threads' module into the module graph, so that it is fetched with it. */
const _workerModule = () => import("./worker.ts");

interface Waiting {
  readonly job: Job;
  readonly done: PromiseWithResolvers<void>;
}

/** The timing that a kind of job counts for. */
const COUNTS_AS = { prepare: "resize", measure: "energy" } as const;

/** Threads for the jobs of one clip. */
export class WorkerPool implements Disposable {
  /** Milliseconds of work so far. */
  readonly timings: { -readonly [K in keyof ProcessTimings]: number } = { resize: 0, energy: 0 };
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #queue: Waiting[] = [];
  readonly #running: Map<Worker, Waiting> = new Map();
  #failure: Error | undefined;

  /** Starts the threads and gives them the plan. */
  constructor(count: number, plan: ProcessPlan, memory: ClipMemory) {
    for (let n = 0; n < count; n++) {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), {
        type: "module",
      });
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#finish(worker, data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.#fail(new Error(`Cannot process frames: a worker failed: ${event.message}`));
      };
      worker.postMessage({ plan, memory } satisfies ToWorker);
      this.#workers.push(worker);
      this.#idle.push(worker);
    }
  }

  /** Does a job on the next free thread. */
  run(job: Job): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    const done = Promise.withResolvers<void>();
    this.#queue.push({ job, done });
    this.#start();
    return done.promise;
  }

  #start(): void {
    while (this.#idle.length > 0 && this.#queue.length > 0) {
      const worker = this.#idle.pop()!;
      const waiting = this.#queue.shift()!;
      this.#running.set(worker, waiting);
      worker.postMessage(waiting.job satisfies ToWorker, transfers(waiting.job));
    }
  }

  #finish(worker: Worker, answer: FromWorker): void {
    const waiting = this.#running.get(worker);
    if (waiting === undefined) return; // Its job has failed with another's meanwhile.
    this.#running.delete(worker);
    if ("error" in answer) return this.#fail(new Error(answer.error), waiting);
    this.timings[COUNTS_AS[waiting.job.kind]] += answer.ms;
    this.#idle.push(worker);
    this.#start();
    waiting.done.resolve();
  }

  #fail(error: Error, ...more: Waiting[]): void {
    this.#failure = error;
    for (const { done } of [...more, ...this.#running.values(), ...this.#queue]) done.reject(error);
    this.#running.clear();
    this.#queue.length = 0;
  }

  /** Ends the threads; jobs that are not done fail. */
  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
    this.#fail(new DOMException("The process stage was closed", "AbortError"));
  }
}

/** Buffers that go to the thread without a copy: a frame that fills its buffer. */
function transfers(job: Job): ArrayBuffer[] {
  if (job.kind === "measure") return [];
  const { buffer, byteLength } = job.rgb;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
