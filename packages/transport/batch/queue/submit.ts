/**
 * Puts items into a queue: a plan of what is new, and jobs for all that is planned and not done.
 *
 * @module
 */
import { UsageError } from "../../command/usage_error.ts";
import { defined } from "../../io/defined.ts";
import type { OutputStore } from "../output/output_store.ts";
import { openStore } from "../output/stores.ts";
import type { BatchItem } from "../record.ts";
import { type BullQueue, type JobData, type OpenQueue, openQueue } from "./bull.ts";
import { jobsOf, type PlanFormat, type PlannedJob, readPlans, writePlan } from "./plan.ts";
import { countingReport, isDone, ReportNames } from "./reports.ts";

/** What is submitted. */
export interface SubmitOptions {
  /** What to work on. */
  readonly items: AsyncIterable<BatchItem>;
  /** A folder, or `s3://bucket/prefix`. */
  readonly output: string;
  /** Where jobs go: `redis://host:port`. */
  readonly queue: string;
  /** Form of the output. */
  readonly format: PlanFormat;
  /** Items of a job, whose records are in one shard. */
  readonly group: number;
  /** Tries of a job. */
  readonly attempts: number;
  /** Whether what failed is tried again. */
  readonly retryFailed: boolean;
  /** Ends it in order. */
  readonly signal: AbortSignal;
}

/** What came of it. */
export interface Submitted {
  /** Items that are new. */
  readonly items: number;
  /** Jobs that are to be done, and were put into the queue if they were not in it. */
  readonly jobs: number;
}

/** Jobs that are added at once. */
const BULK = 500;

/** Submits items; the same again submits what is new, and what the queue has lost. */
export async function submit(options: SubmitOptions): Promise<Submitted> {
  const { output, format } = options;
  const store = await openStore(output);
  const before = await readPlans(store);
  const other = before.find((plan) => plan.format !== format);
  if (other) {
    throw new UsageError(
      `Cannot go on with ${output}: found --format ${format}, expected --format ${other.format}, ` +
        "as it was submitted",
    );
  }
  await using open = await openQueue(options.queue);
  const items = await writePlan(store, { ...options, before });
  if (options.retryFailed) await removeFailed(open.queue);
  return { items, jobs: await addJobs(store, open, options) };
}

async function removeFailed(queue: BullQueue): Promise<void> {
  for (;;) {
    const failed = await queue.getFailed(0, BULK - 1);
    if (failed.length === 0) return;
    await Promise.all(failed.map((job) => job?.remove()));
  }
}

/** Adds jobs for what has no report; a job that is in the queue is not added again. */
async function addJobs(
  store: OutputStore,
  { queue, backoff }: OpenQueue,
  { attempts, retryFailed, signal }: SubmitOptions,
): Promise<number> {
  const reports = await ReportNames.read(store);
  const added = { count: 0, bulk: [] as { name: string; data: JobData; opts: object }[] };
  const send = async () => {
    if (added.bulk.length > 0) await queue.addBulk(added.bulk);
    added.bulk = [];
  };
  for await (const job of jobsOf(await readPlans(store))) {
    signal.throwIfAborted();
    const names = reports.of(job.id);
    if (isDone(names) || (names.length > 0 && !retryFailed)) continue;
    const opts = { jobId: job.id, attempts, backoff: { type: "exponential", delay: backoff } };
    added.bulk.push({ name: nameOf(job), data: await dataOf(store, job, names), opts });
    added.count++;
    if (added.bulk.length >= BULK) await send();
  }
  await send();
  return added.count;
}

/** What dashboards show of a job. */
function nameOf({ items }: PlannedJob): string {
  return items.length === 1 ? items[0]!.key : `${items[0]!.key} and ${items.length - 1} more`;
}

/** All of a job, or what an earlier one has left of it. */
async function dataOf(
  store: OutputStore,
  { items }: PlannedJob,
  names: readonly string[],
): Promise<JobData> {
  if (names.length === 0) return { items, files: [] };
  const { files, failures, received } = await countingReport(store, names);
  const failed = new Set(failures.map(({ key }) => key));
  return { items: items.filter(({ key }) => failed.has(key)), files, ...defined({ received }) };
}
