/**
 * Runs the benchmarks of one suite when asked: `compare.ts` starts one for each side and lets them
 * take turns. First it prints what the suite registers; then, for each line of JSON that it reads
 * (which benchmark, for how long), a line with the time of each run in nanoseconds. Arguments: the
 * suite's file, then those of the suite.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

interface Benchmark {
  readonly group: string;
  readonly name: string;
  readonly run: Deno.BenchDefinition["fn"];
}

/** What is asked for in a line. */
export interface Turn {
  /** Which benchmark, by its place in the list. */
  readonly index: number;
  /** For how long, at least one run. */
  readonly milliseconds: number;
}

/** What can be asked: runs of a benchmark, bytes of memory held, microseconds of processors used. */
export type Question = Turn | "memory" | "processor";

/** Runs that last less are timed several at a time. */
const SHORTEST_NS = 200_000;

/** Times that a turn has at most: what is drawn from them is sorted hundreds of times. */
const MOST_TIMES = 1000;

const benchmarks: Benchmark[] = [];
type Options = Omit<Deno.BenchDefinition, "fn" | "name">;

function register(name: string, options: Options, run: Benchmark["run"]): void {
  if (!options.ignore) benchmarks.push({ group: options.group ?? "", name, run });
}

const now = () => Number(process.hrtime.bigint());

/** One timed run of a benchmark; those that take a context say themselves when time counts. */
async function timed(run: Benchmark["run"]): Promise<number> {
  let [begin, end] = [now(), 0];
  const context = { start: () => void (begin = now()), end: () => void (end = now()) };
  const result = run(context as Deno.BenchContext);
  if (result instanceof Promise) await result;
  return (end || now()) - begin;
}

function timedTogether(run: Benchmark["run"], count: number): number {
  const begin = now();
  for (let i = 0; i < count; i++) void run(undefined as never);
  return (now() - begin) / count;
}

let last: number | undefined;

/**
 * What the benchmark before it left is not collected at this one's cost. Not before each turn: what is
 * collected between them takes compiled code with it, and the turn would measure how it comes back.
 */
function collectBefore(index: number): void {
  if (index !== last) (globalThis as { gc?: () => void }).gc?.();
  last = index;
}

/** Times of runs, in nanoseconds, for at least the time given. */
async function measure({ index, milliseconds }: Turn): Promise<number[]> {
  const { run } = benchmarks[index]!;
  const times: number[] = [];
  collectBefore(index);
  const end = now() + milliseconds * 1e6;
  // A first run may compile, or find caches that another process filled: the quickest counts.
  let quickest = await timed(run);
  for (let i = 0; i < 2 && quickest < 50 * SHORTEST_NS; i++) {
    quickest = Math.min(quickest, await timed(run));
  }
  const isQuick = quickest < SHORTEST_NS && run.length === 0 &&
    !(run(undefined as never) instanceof Promise);
  if (!isQuick) times.push(quickest);
  while (times.length === 0 || (now() < end && times.length < MOST_TIMES)) {
    times.push(
      isQuick ? timedTogether(run, Math.ceil(SHORTEST_NS / (quickest + 1))) : await timed(run),
    );
  }
  return times;
}

async function answer(question: Question): Promise<number[]> {
  if (question === "memory") return [Deno.memoryUsage().rss];
  if (question !== "processor") return await measure(question);
  const { user, system } = process.cpuUsage();
  return [user + system];
}

if (import.meta.main) {
  const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
  Deno.bench = register as typeof Deno.bench;
  await import(pathToFileURL(Deno.args[0]!).href);
  say(benchmarks.map(({ group, name }) => ({ group, name })));
  for await (const line of createInterface({ input: process.stdin })) {
    const question: Question = JSON.parse(line);
    say(await answer(question));
  }
  Deno.exit();
}
