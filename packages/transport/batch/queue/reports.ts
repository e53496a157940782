/**
 * What became of a job, in a file of its own in the output: it is there when all that it names is.
 * Where several workers did one job there are several, each of them whole; one of them counts.
 *
 * @module
 */
import type { FailureEntry } from "../failures.ts";
import type { OutputStore } from "../output/output_store.ts";
import type { ShardSummary } from "../output/shards.ts";

/** A file with records that a job made. */
export interface JobFile extends ShardSummary {
  /** Keys of its records, in their order. */
  readonly keys: readonly string[];
}

/** What became of a job. */
export interface JobReport {
  /** Versions of what made the records. */
  readonly versions: Readonly<Record<string, string>>;
  /** Files with the records of its items. */
  readonly files: readonly JobFile[];
  /** The items that have none. */
  readonly failures: readonly FailureEntry[];
}

const FOLDER = "jobs/";
const NAME = /^jobs\/([0-9a-f]{8}-\d+)\.try\d+-[0-9a-f]{8}(\.failed)?\.json$/;

/** Files of a try that no report names, if they are in no report. */
export const TRY_FILE = /[.-]try\d+-[0-9a-f]{8}\.\w+$/;

/** A name for a try that no other has. */
export function tryName(number: number): string {
  return `try${number}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Writes what became of a job. */
export async function writeReport(
  store: OutputStore,
  { job, attempt, report }: {
    readonly job: string;
    readonly attempt: string;
    readonly report: JobReport;
  },
): Promise<void> {
  const kind = report.failures.length > 0 ? ".failed" : "";
  const bytes = new TextEncoder().encode(`${JSON.stringify(report)}\n`);
  await store.write(`${FOLDER}${job}.${attempt}${kind}.json`, bytes);
}

/** Names of reports by job, of all or of one. */
export async function reportNames(store: OutputStore, job = ""): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for await (const name of store.list(`${FOLDER}${job}`)) {
    const [, id] = NAME.exec(name) ?? [];
    if (id === undefined || (job !== "" && id !== job)) continue;
    found.set(id, [...found.get(id) ?? [], name]);
  }
  return found;
}

/** Whether one of a job's reports tells of no failure. */
export function isDone(names: readonly string[]): boolean {
  return names.some((name) => !name.endsWith(".failed.json"));
}

/** The report of a job that counts: the first one without failures, else the one with the fewest. */
export async function countingReport(
  store: OutputStore,
  names: readonly string[],
): Promise<JobReport> {
  const sorted = [...names].sort();
  const whole = sorted.find((name) => isDone([name]));
  const reports = await Promise.all(
    (whole === undefined ? sorted : [whole]).map(async (name): Promise<JobReport> => {
      const bytes = await store.read(name);
      return JSON.parse(new TextDecoder().decode(bytes));
    }),
  );
  return reports.reduce((best, other) =>
    other.failures.length < best.failures.length ? other : best
  );
}
