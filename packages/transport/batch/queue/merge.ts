/**
 * Makes the manifest of what a queue's jobs made, after proving that each was done, and removes what
 * tries left that do not count.
 *
 * @module
 */
import { join } from "node:path";
import { defined } from "../../io/defined.ts";
import { KeySet } from "../key_set.ts";
import { mapOrdered } from "../ordered.ts";
import { type Manifest, writeManifest } from "../output/manifest.ts";
import type { OutputStore } from "../output/output_store.ts";
import {
  cannotMerge,
  type ExpectedFile,
  type MergeOptions,
  proveFiles,
} from "../output/prove_files.ts";
import { SETTINGS_FILE } from "../settings.ts";
import { Counted } from "./counted.ts";
import { jobsOf, type Plan, type PlannedJob, readPlans } from "./plan.ts";
import { countingReport, type JobReport, ReportNames, TRY_FILE } from "./reports.ts";

/** Reports that are read at once. */
const READING = 32;

/** A shard that a try has begun, and what is beside it. */
const TRY_SHARD = /^shard-.*-try\d+-[0-9a-f]{8}(\.\w+)?$/;

/**
 * The manifest of what was submitted; undefined where nothing was. Of each item it holds less than
 * 300 bytes.
 *
 * @throws {UsageError} where a job has not been done, or what it made is not there.
 */
export async function mergeJobs(
  store: OutputStore,
  options: MergeOptions = {},
): Promise<Manifest | undefined> {
  const plans = await readPlans(store);
  const [plan] = plans;
  if (plan === undefined) return undefined;
  await using counted = await Counted.open(store, plan.format);
  const items = await countReports(store, { plans, counted, ...options });
  await proveAndClean(store, counted, options);
  let repeated = 0;
  for (const plan of plans) repeated += await plan.repeated();
  const { records, failed, received } = counted;
  const manifest: Manifest = {
    versions: counted.versions,
    settings: await settingsOf(store),
    counts: { listed: items + repeated, items, repeated, records, failed },
    failures: counted.failures,
    ...defined({ received }),
    files: await counted.finish(),
  };
  await writeManifest(store, "shard", manifest);
  return manifest;
}

async function settingsOf(store: OutputStore): Promise<Manifest["settings"]> {
  return JSON.parse(new TextDecoder().decode(await store.read(SETTINGS_FILE)));
}

/** How reports are counted. */
interface Counting extends MergeOptions {
  readonly plans: readonly Plan[];
  readonly counted: Counted;
}

/**
 * Counts the reports that count, each of which must tell of every item of its job; gives the number of
 * items.
 */
async function countReports(
  store: OutputStore,
  { plans, counted, signal, onProgress }: Counting,
): Promise<number> {
  const names = await ReportNames.read(store);
  const jobs = await countDone(store, plans, names);
  const seen = new KeySet();
  let done = 0;
  const read = async (job: PlannedJob) =>
    [job, await countingReport(store, names.of(job.id))] as const;
  for await (const [job, report] of mapOrdered(jobsOf(plans), READING, read)) {
    signal?.throwIfAborted();
    if (!tellsOfAll(job, report, seen)) {
      throw cannotMerge(
        store,
        `the report of job ${job.id} does not tell of each of its items once`,
      );
    }
    await counted.add(report);
    onProgress?.(++done, jobs, "jobs");
  }
  return seen.size;
}

/** How many jobs there are, each of which must have a report. */
async function countDone(
  store: OutputStore,
  plans: readonly Plan[],
  names: ReportNames,
): Promise<number> {
  const some: string[] = [];
  let [count, missing] = [0, 0];
  for await (const { id } of jobsOf(plans)) {
    count++;
    if (names.of(id).length > 0) continue;
    if (++missing <= 3) some.push(id);
  }
  if (missing === 0) return count;
  throw cannotMerge(
    store,
    `found ${count - missing} of ${count} jobs done, not ${some.join(", ")}`,
  );
}

/** Whether a report has every key of a job once, and none that another job has. */
function tellsOfAll(job: PlannedJob, { files, failures }: JobReport, seen: KeySet): boolean {
  const keys = [...files.flatMap(({ keys }) => keys), ...failures.map(({ key }) => key)];
  const wanted = new Set(job.items.map(({ key }) => key));
  return keys.length === wanted.size && keys.every((key) => wanted.has(key) && seen.add(key));
}

/** Finds every file that counts, and removes those of tries that do not. */
async function proveAndClean(
  store: OutputStore,
  counted: Counted,
  options: MergeOptions,
): Promise<void> {
  const counting = new KeySet();
  const files = async function* (): AsyncGenerator<ExpectedFile> {
    for await (const file of counted.files()) {
      counting.add(file.name);
      yield file;
    }
  };
  await proveFiles(store, files(), { ...options, total: counted.fileCount });
  const left: string[] = [];
  for await (const { name } of store.all()) {
    const isOfTry = TRY_FILE.test(name) && !name.startsWith("jobs/");
    if (isOfTry && !counting.has(name)) left.push(name);
  }
  for (const name of left) await store.remove(name);
  await removeUnfinished(store.workFolder);
}

/** Removes what workers that were killed left of shards. */
async function removeUnfinished(workFolder: string): Promise<void> {
  for (const { name } of await Array.fromAsync(Deno.readDir(workFolder))) {
    if (TRY_SHARD.test(name)) await Deno.remove(join(workFolder, name));
  }
}
