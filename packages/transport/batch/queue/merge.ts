/**
 * Makes the manifest of what a queue's jobs made, after proving that each was done, and removes what
 * tries left that do not count.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UsageError } from "../../command/usage_error.ts";
import type { FailureEntry } from "../failures.ts";
import { KeySet } from "../key_set.ts";
import { mapOrdered } from "../ordered.ts";
import { type Manifest, writeManifest } from "../output/manifest.ts";
import type { OutputStore } from "../output/output_store.ts";
import type { ShardSummary } from "../output/shards.ts";
import { SETTINGS_FILE } from "../settings.ts";
import { type Plan, type PlannedJob, readPlans } from "./plan.ts";
import { countingReport, type JobFile, type JobReport, reportNames, TRY_FILE } from "./reports.ts";

/** Reports that are read at once. */
const READING = 32;

/** A shard that a try has begun, and what is beside it. */
const TRY_SHARD = /^shard-.*-try\d+-[0-9a-f]{8}(\.\w+)?$/;

/** What counts of all jobs. */
interface Counted {
  readonly files: JobFile[];
  readonly failures: FailureEntry[];
  readonly versions: Map<string, Set<string>>;
}

/**
 * The manifest of what was submitted; undefined where nothing was.
 *
 * @throws {UsageError} where a job has not been done, or what it made is not there.
 */
export async function mergeJobs(store: OutputStore): Promise<Manifest | undefined> {
  const plans = await readPlans(store);
  const [plan] = plans;
  if (plan === undefined) return undefined;
  const cannot = (what: string) => new UsageError(`Cannot merge ${store.name}: ${what}`);
  const counted = await countedOf(store, plans, cannot);
  await proveFiles(store, counted.files, cannot);
  const { files, failures } = counted;
  const items = sumOf(jobsOf(plans), ({ items }) => items.length);
  const repeated = sumOf(plans, ({ repeated }) => repeated);
  const codes: Record<string, number> = {};
  for (const { code } of failures) codes[code] = (codes[code] ?? 0) + 1;
  await store.write("failures.jsonl", linesOf(failures));
  const summaries = files.map(({ keys: _, ...summary }) => summary);
  const manifest: Manifest = {
    versions: Object.fromEntries(
      [...counted.versions].map(([name, all]) => [name, [...all].join(", ")]),
    ),
    settings: await settingsOf(store),
    counts: {
      ...{ listed: items + repeated, items, repeated },
      ...{ records: sumOf(files, ({ records }) => records), failed: failures.length },
    },
    failures: codes,
    files: plan.format === "files" ? [await writeIndex(store, files)] : summaries,
  };
  await writeManifest(store, "shard", manifest);
  return manifest;
}

function sumOf<T>(all: Iterable<T>, of: (one: T) => number): number {
  let sum = 0;
  for (const one of all) sum += of(one);
  return sum;
}

function linesOf(values: readonly object[]): Uint8Array {
  return new TextEncoder().encode(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}

async function settingsOf(store: OutputStore): Promise<Manifest["settings"]> {
  return JSON.parse(new TextDecoder().decode(await store.read(SETTINGS_FILE)));
}

/** The reports that count, each of which must tell of every item of its job. */
async function countedOf(
  store: OutputStore,
  plans: readonly Plan[],
  cannot: (what: string) => UsageError,
): Promise<Counted> {
  const names = await reportNames(store);
  const missing: string[] = [];
  let count = 0;
  for (const { id } of jobsOf(plans)) if (count++, !names.has(id)) missing.push(id);
  if (missing.length > 0) {
    const some = missing.slice(0, 3).join(", ");
    throw cannot(`found ${count - missing.length} of ${count} jobs done, not ${some}`);
  }
  const counted: Counted = { files: [], failures: [], versions: new Map() };
  const seen = new KeySet();
  const read = async (job: PlannedJob) =>
    [job, await countingReport(store, names.get(job.id)!)] as const;
  for await (const [job, report] of mapOrdered(ReadableStream.from(jobsOf(plans)), READING, read)) {
    if (!tellsOfAll(job, report, seen)) {
      throw cannot(`the report of job ${job.id} does not tell of each of its items once`);
    }
    counted.files.push(...report.files);
    counted.failures.push(...report.failures);
    for (const [name, version] of Object.entries(report.versions)) {
      counted.versions.set(name, (counted.versions.get(name) ?? new Set()).add(version));
    }
  }
  return counted;
}

function* jobsOf(plans: readonly Plan[]): Generator<PlannedJob> {
  for (const { jobs } of plans) yield* jobs;
}

/** Whether a report has every key of a job once, and none that another job has. */
function tellsOfAll(job: PlannedJob, { files, failures }: JobReport, seen: KeySet): boolean {
  const keys = [...files.flatMap(({ keys }) => keys), ...failures.map(({ key }) => key)];
  const wanted = new Set(job.items.map(({ key }) => key));
  return keys.length === wanted.size && keys.every((key) => wanted.has(key) && seen.add(key));
}

/** Finds every file that counts, and removes those of tries that do not. */
async function proveFiles(
  store: OutputStore,
  files: readonly JobFile[],
  cannot: (what: string) => UsageError,
): Promise<void> {
  const missing = new Set(files.map(({ name }) => name));
  const left: string[] = [];
  for await (const name of store.all()) {
    if (!missing.delete(name) && TRY_FILE.test(name) && !name.startsWith("jobs/")) left.push(name);
  }
  const [first] = missing;
  if (first !== undefined) throw cannot(`found no ${first}, which a report names`);
  for (const name of left) await store.remove(name);
  await removeUnfinished(store.workFolder);
}

/** Removes what workers that were killed left of shards. */
async function removeUnfinished(workFolder: string): Promise<void> {
  for (const { name } of await Array.fromAsync(Deno.readDir(workFolder))) {
    if (TRY_SHARD.test(name)) await Deno.remove(join(workFolder, name));
  }
}

/** The index that stands for all files, as a batch without a queue writes it. */
async function writeIndex(store: OutputStore, files: readonly JobFile[]): Promise<ShardSummary> {
  const content = linesOf(
    files.map(({ keys: [key], name, bytes, sha256 }) => ({ key, name, bytes, sha256 })),
  );
  await store.write("index.jsonl", content);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { name: "index.jsonl", bytes: content.length, sha256, records: files.length };
}
