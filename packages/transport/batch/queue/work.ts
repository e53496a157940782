/**
 * Works on the jobs of a queue until none is left: what a worker that died held comes to another, and
 * counts once, by the report that is written when all records of the job are in their place.
 *
 * @module
 */
import { UsageError } from "../../command/usage_error.ts";
import { BoundedBuffer } from "../../flow/buffer.ts";
import { TransportError } from "../../errors.ts";
import { settledWithin } from "../../flow/abort.ts";
import { systemClock } from "../../flow/clock.ts";
import { Backoff, retry } from "../../flow/retry.ts";
import { defined } from "../../io/defined.ts";
import type { BatchWork } from "../batch.ts";
import { mapOrdered } from "../ordered.ts";
import type { OutputStore } from "../output/output_store.ts";
import { safetensorsFile } from "../output/record_files.ts";
import { openStore } from "../output/stores.ts";
import {
  type BatchItem,
  type BatchRecord,
  failureOf,
  type ItemFailure,
  receivedInAll,
} from "../record.ts";
import { keepSettings } from "../settings.ts";
import { runItem, tooMany } from "../work_through.ts";
import type { FailureEntry } from "../failures.ts";
import { type BullQueue, type Job, type JobData, type OpenQueue, openQueue } from "./bull.ts";
import { type PlanFormat, readPlans } from "./plan.ts";
import { isDone, reportsOf, tryName, writeReport } from "./reports.ts";
import { openTry } from "./try_output.ts";

/** What came of an item of a job. */
export type QueueResult =
  | {
    readonly key: string;
    readonly state: "done";
    readonly record: Omit<BatchRecord, "tensors">;
  }
  | { readonly key: string; readonly state: "failed"; readonly failure: ItemFailure };

/** How jobs are worked on. */
export interface WorkOptions {
  /** The output that was submitted to. */
  readonly output: string;
  /** Where jobs come from. */
  readonly queue: string;
  /** Form of the output. */
  readonly format: PlanFormat;
  /** Items at once. Default: as many as the work says. */
  readonly jobs?: number;
  /** Failures that do not end this worker. Default: any number. */
  readonly maxFailures?: number;
  /** Called with how many jobs are left, now and then. */
  readonly onLook?: (jobsLeft: number) => void;
  /** Called once, where the queue's server is not there for two seconds and is waited for. */
  readonly onWait?: (error: TransportError) => void;
  /** Ends it in order: what is under way is given back. */
  readonly signal: AbortSignal;
}

/** Milliseconds between two looks at whether jobs are left. */
const LOOK = 500;
/** Milliseconds that giving back may take. */
const FAREWELL = 5000;
/**
 * Milliseconds that a worker which begins waits for a server that is away, as in a restart, and after
 * which that is told.
 */
const AWAY = { told: 2000, most: 30_000 };
/** Results that wait for who asks for them. */
const RESULTS = 1000;

/** Opens the queue once its server is there. */
async function openOnceThere(
  { queue, onWait }: WorkOptions,
  signal: AbortSignal,
): Promise<OpenQueue> {
  const since = systemClock.now();
  let isTold = false;
  return await retry(() => openQueue(queue), {
    backoff: new Backoff({ initial: 250, max: 2000, jitter: 0.5 }),
    signal,
    onFailure(error) {
      const waited = systemClock.now() - since;
      const isAway = error instanceof TransportError && error.code === "unreachable";
      if (!isAway || waited > AWAY.most) throw error;
      if (!isTold && waited > AWAY.told) {
        isTold = true;
        onWait?.(error);
      }
    },
  });
}

/**
 * Works on jobs; gives what came of each item, when that is settled. Where nobody goes on, what is
 * under way is given back.
 *
 * @throws {UsageError} where nothing was submitted to the output, or with other settings.
 * @throws {TransportError} `limit`: more items failed for good than may, of those of this worker;
 * `unreachable`: the queue's server was not there for half a minute; `refused`: it was, and refused.
 */
export async function* workOnQueue(
  work: BatchWork,
  options: WorkOptions,
): AsyncGenerator<QueueResult> {
  const { output, format, maxFailures = Infinity } = options;
  const left = new AbortController();
  const signal = AbortSignal.any([options.signal, left.signal]);
  const store = await openStore(output);
  const group = await groupOf(store, format);
  const settings = { ...work.settings, format, queue: true };
  await keepSettings(store, settings);
  await using open = await openOnceThere(options, signal);
  const results = new BoundedBuffer<QueueResult>(RESULTS, "block");
  const jobs = options.jobs ?? work.jobs;
  const runner = new JobRunner({ ...{ work, store, open, format, results, signal }, jobs });
  // The first settings that are written are everybody's: two workers may have begun at once.
  await keepSettings(store, settings);
  const worker = open.work((job, token) => runner.run(job, token), Math.ceil(jobs / group));
  worker.on("error", () => {});
  worker.on("lockRenewalFailed", (ids) => runner.lose(ids));
  worker.on("failed", (job, error) => void runner.tellOf(job, error).catch(() => {}));
  const end = async () => {
    await untilDone(open.queue, signal, options.onLook);
    if (signal.aborted) await settledWithin(FAREWELL, worker.close());
    else await worker.close();
    results.end();
  };
  void end().catch((error) => results.fail(error));
  let failed = 0;
  try {
    for (let next = await results.take(); next; next = await results.take()) {
      yield next.item;
      if (next.item.state === "failed" && ++failed > maxFailures) {
        throw tooMany(next.item, maxFailures);
      }
    }
  } finally {
    left.abort();
    results.fail(new Error("Nobody asks for results"));
    await settledWithin(FAREWELL, worker.close());
  }
}

/** Items of the jobs that were submitted. */
async function groupOf(store: OutputStore, format: PlanFormat): Promise<number> {
  const [plan] = await readPlans(store);
  if (plan === undefined) {
    throw new UsageError(
      `Cannot work on ${store.name}: found no plan there, expected the output of a \`batch submit\``,
    );
  }
  if (plan.format === format) return plan.group;
  throw new UsageError(
    `Cannot work on ${store.name}: found --format ${format}, expected --format ${plan.format}, ` +
      "as it was submitted",
  );
}

/** Waits until no job is left, also none that another worker holds. */
async function untilDone(
  queue: BullQueue,
  signal: AbortSignal,
  onLook?: (jobsLeft: number) => void,
): Promise<void> {
  while (!signal.aborted) {
    const { waiting, active, delayed } = await queue.getJobCounts("waiting", "active", "delayed");
    const left = waiting + active + delayed;
    onLook?.(left);
    if (left === 0) return;
    await systemClock.sleep(LOOK, signal).catch(() => {});
  }
}

/** What jobs are worked on with. */
interface Running {
  readonly work: BatchWork;
  readonly store: OutputStore;
  readonly open: OpenQueue;
  readonly format: PlanFormat;
  readonly jobs: number;
  readonly results: BoundedBuffer<QueueResult>;
  readonly signal: AbortSignal;
}

/** What a job has become so far. */
interface Outcome {
  readonly done: readonly Extract<QueueResult, { state: "done" }>[];
  readonly failures: readonly FailureEntry[];
}

/** What tries of a job have made and read. */
type Made = Pick<JobData, "files" | "received">;

/** The end of a try some of whose items failed. */
class ItemsFailed extends Error {}

/** Works on one job after the other. */
class JobRunner {
  readonly #with: Running;
  readonly #lost = new Map<string, AbortController>();

  constructor(running: Running) {
    this.#with = running;
  }

  /** Leaves jobs that belong to other workers now. */
  lose(ids: readonly string[]): void {
    for (const id of ids) this.#lost.get(id)?.abort(new Error("The job is another worker's"));
  }

  /** Tells of a job that failed for good by something else than its items. */
  async tellOf(job: Job | undefined, error: Error): Promise<void> {
    const { UnrecoverableError } = this.#with.open.bull;
    // Of these it was told where they were made.
    const isKnown = error instanceof ItemsFailed || error instanceof UnrecoverableError;
    if (job === undefined || isKnown) return;
    if (job.attemptsMade < (job.opts.attempts ?? 1)) return;
    await this.#tell(job.data.items.map(({ key }) => ({ key, ...failureOf(error) })));
  }

  /** Works on a job, from its items to its report. */
  async run(job: Job, token: string): Promise<unknown> {
    const lost = new AbortController();
    this.#lost.set(job.id, lost);
    try {
      return await this.#run(job, token, lost.signal);
    } finally {
      if (this.#lost.get(job.id) === lost) this.#lost.delete(job.id);
    }
  }

  async #run(job: Job, token: string, lost: AbortSignal): Promise<unknown> {
    const { store, signal, open } = this.#with;
    const wasBegun = job.attemptsStarted > job.attemptsMade + 1;
    if (wasBegun && isDone(await reportsOf(store, job.id))) return { before: true };
    const attempt = tryName(job.attemptsMade + 1);
    const limit = job.opts.attempts ?? 1;
    if (job.stalledCounter >= limit) return await this.#giveUp(job, attempt);
    const stop = AbortSignal.any([signal, lost]);
    const { outcome, files } = await this.#try(job, attempt, stop);
    if (signal.aborted) {
      await job.moveToWait(token);
      throw new open.bull.WaitingError();
    }
    stop.throwIfAborted();
    const made = madeInAll(job.data, outcome, files);
    const isLast = job.attemptsMade + 1 >= limit;
    await this.#keep(job, { attempt, outcome, made, isLast });
    return { records: made.files.reduce((sum, { records }) => sum + records, 0) };
  }

  /** Makes the records of a job that can be made. */
  async #try(job: Job, attempt: string, stop: AbortSignal) {
    const { store, format, work, jobs } = this.#with;
    const encode = work.encodeFile ?? safetensorsFile;
    await using output = await openTry(store, { job: job.id, attempt, format, encode });
    const done: Outcome["done"][number][] = [];
    const failures: FailureEntry[] = [];
    const step = (item: BatchItem) => this.#made(item, stop);
    for await (const { key, record, failure } of mapOrdered(itemsOf(job, stop), jobs, step)) {
      if (failure !== undefined) failures.push({ key, ...failure });
      else if (record !== undefined) {
        await output.write(key, record);
        const { tensors: _, ...rest } = record;
        done.push({ key, state: "done", record: rest });
      }
      const count = done.length + failures.length;
      if (count % 16 === 0) {
        await job.updateProgress(Math.round(100 * count / job.data.items.length));
      }
    }
    return { outcome: { done, failures }, files: stop.aborted ? [] : await output.finish() };
  }

  async #made(item: BatchItem, signal: AbortSignal): Promise<{
    readonly key: string;
    readonly record?: BatchRecord;
    readonly failure?: ItemFailure;
  }> {
    const { work, store } = this.#with;
    try {
      return { key: item.key, record: await runItem(work, item, { store, signal }) };
    } catch (error) {
      return { key: item.key, failure: failureOf(error) };
    }
  }

  /** Writes down what became of a job, or what is left of it; failures end the try. */
  async #keep(
    job: Job,
    { attempt, outcome: { done, failures }, made, isLast }: {
      readonly attempt: string;
      readonly outcome: Outcome;
      readonly made: Made;
      readonly isLast: boolean;
    },
  ): Promise<void> {
    const { store, work: { versions } } = this.#with;
    const failed = new Set(failures.map(({ key }) => key));
    if (failed.size === 0 || isLast) {
      await writeReport(store, { job: job.id, attempt, report: { versions, ...made, failures } });
    } else {
      const items = job.data.items.filter(({ key }) => failed.has(key));
      await job.updateData({ items, ...made });
    }
    for (const result of done) await this.#put(result);
    const [first] = failures;
    if (first === undefined) return;
    if (isLast) await this.#tell(failures);
    throw new ItemsFailed(
      `${failures.length} of ${job.data.items.length} items failed; the first: ${first.key}: ` +
        `${first.code}: ${first.message}`,
    );
  }

  async #tell(failures: readonly FailureEntry[]): Promise<void> {
    for (const { key, ...failure } of failures) {
      await this.#put({ key, state: "failed", failure });
    }
  }

  /** What became of an item is written down: it counts where nobody asks for it any more, too. */
  async #put(result: QueueResult): Promise<void> {
    await this.#with.results.put(result).catch(() => {});
  }

  /** Fails a job from which too many workers did not come back. */
  async #giveUp(job: Job, attempt: string): Promise<never> {
    const { store, work: { versions }, open } = this.#with;
    const { items, ...made } = job.data;
    const message = `Cannot work on it: ${job.stalledCounter} workers did not come back from it`;
    const failures = items.map(({ key }) => ({ key, code: "worker-lost", message }));
    await writeReport(store, { job: job.id, attempt, report: { versions, ...made, failures } });
    await this.#tell(failures);
    throw new open.bull.UnrecoverableError(message);
  }
}

/** What earlier tries of a job and this one have made and read. */
function madeInAll(before: Made, { done }: Outcome, files: Made["files"]): Made {
  const received = receivedInAll([before.received, ...done.map(({ record }) => record.received)]);
  return { files: [...before.files, ...files], ...defined({ received }) };
}

async function* itemsOf(job: Job, stop: AbortSignal): AsyncGenerator<BatchItem> {
  for (const item of job.data.items) {
    if (stop.aborted) return;
    yield await Promise.resolve(item);
  }
}
