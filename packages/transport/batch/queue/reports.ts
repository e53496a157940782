/**
 * What became of a job, in a file of its own in the output: it is there when all that it names is.
 * Where several workers did one job there are several, each of them whole; one of them counts.
 *
 * @module
 */
import type { FailureEntry } from "../failures.ts";
import type { BatchReceived } from "../record.ts";
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
  /** What was read of sources elsewhere; absent where nothing was. */
  readonly received?: BatchReceived;
}

const FOLDER = "jobs/";
const NAME = /^jobs\/([0-9a-f]{8})-(\d+)\.try(\d+)-([0-9a-f]{8})(\.failed)?\.json$/;

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

/** Names of a job's reports. */
export async function reportsOf(store: OutputStore, job: string): Promise<readonly string[]> {
  return (await ReportNames.read(store, `${job}.`)).of(job);
}

/** Names of reports by job, in 8 to 16 bytes a job: of most there is one report, of some several. */
export class ReportNames {
  /** Of each plan two numbers a job: of a try its random one, and its count beside whether it failed. */
  readonly #first = new Map<string, Uint32Array>();
  readonly #further = new Map<string, string[]>();

  private constructor() {}

  /** Lists them, of all jobs or of those whose names begin so. */
  static async read(store: OutputStore, prefix = ""): Promise<ReportNames> {
    const names = new ReportNames();
    for await (const name of store.list(`${FOLDER}${prefix}`)) names.#add(name);
    return names;
  }

  #add(name: string): void {
    const [, plan, index, count, random, failed] = NAME.exec(name) ?? [];
    if (plan === undefined) return;
    const at = 2 * Number(index);
    const table = grown(this.#first.get(plan), at + 2);
    this.#first.set(plan, table);
    const job = `${plan}-${index}`;
    if (table[at + 1] !== 0) this.#further.set(job, [...this.#further.get(job) ?? [], name]);
    else table.set([parseInt(random!, 16), 2 * Number(count) + (failed ? 1 : 0)], at);
  }

  /** Names of a job's reports; none where it has not been done. */
  of(job: string): readonly string[] {
    const [plan, index] = job.split("-");
    const at = 2 * Number(index);
    const [random, count] = this.#first.get(plan!)?.subarray(at, at + 2) ?? [];
    if (!count) return [];
    const attempt = `try${count >> 1}-${random!.toString(16).padStart(8, "0")}`;
    const first = `${FOLDER}${job}.${attempt}${count & 1 ? ".failed" : ""}.json`;
    return [first, ...this.#further.get(job) ?? []];
  }
}

/** A table with at least so many numbers, the old ones among them. */
function grown(table: Uint32Array | undefined, length: number): Uint32Array {
  if (table !== undefined && table.length >= length) return table;
  const larger = new Uint32Array(Math.max(length, 2 * (table?.length ?? 512)));
  larger.set(table ?? []);
  return larger;
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
