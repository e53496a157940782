/**
 * Measures suites and appends a line for each benchmark to `bench/history/<suite>.jsonl`:
 * `deno task bench:record [SUITE…]`.
 *
 *   --seconds N    of measuring a suite. Default: 60
 *   --device NAME  cpu, cuda, webgpu or all. Default: cpu
 *   --folder PATH  where the histories lie. Default: bench/history
 *
 * @module
 */
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { quantile } from "./compare_statistics.ts";
import { git, type Name, ROOT, SuiteProcess, suitesOf } from "./suite_process.ts";

/** One benchmark at one commit, as a line of a history has it. */
export interface HistoryLine extends Name {
  /** The commit; `+` behind it: with changes that were not committed. */
  readonly commit: string;
  /** When it was measured, ISO 8601. */
  readonly time: string;
  /** Processor and number of cores. */
  readonly machine: string;
  /** Deno's version. */
  readonly runtime: string;
  /** Nanoseconds: median, lower and upper quartile. */
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  /** Runs. */
  readonly runs: number;
  /** Bytes that the process of the suite held after it. */
  readonly memory: number;
}

/** Where and on what is measured. */
async function setting(): Promise<Pick<HistoryLine, "commit" | "time" | "machine" | "runtime">> {
  const isClean = await git("status", "--porcelain", "--untracked-files=no") === "";
  return {
    commit: await git("rev-parse", "--short=10", "HEAD") + (isClean ? "" : "+"),
    time: new Date().toISOString(),
    machine: `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores`,
    runtime: `Deno ${Deno.version.deno}`,
  };
}

/** Measures every benchmark of a suite in its share of the time. */
export async function measureSuite(
  suite: string,
  seconds: number,
  device?: string,
): Promise<HistoryLine[]> {
  await using running = new SuiteProcess(ROOT, suite, { device });
  const names = await running.names();
  const common = await setting();
  const history: HistoryLine[] = [];
  for (const [index, { group, name }] of names.entries()) {
    await running.measure(index, 0); // compiles, and fills caches
    const times = await running.measure(index, 1000 * seconds / names.length);
    const at = (share: number) => Math.round(quantile(times, share));
    history.push({
      ...common,
      ...{ group, name, median: at(0.5), lower: at(0.25), upper: at(0.75) },
      runs: times.length,
      memory: await running.memory(),
    });
  }
  return history;
}

/** Appends lines to a suite's history. */
async function append(folder: string, suite: string, history: readonly HistoryLine[]) {
  await Deno.mkdir(folder, { recursive: true });
  const text = history.map((line) => `${JSON.stringify(line)}\n`).join("");
  await Deno.writeTextFile(join(folder, `${suite}.jsonl`), text, { append: true });
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "60" },
      device: { type: "string" },
      folder: { type: "string", default: join(import.meta.dirname!, "history") },
    },
  });
  for (const suite of await suitesOf(positionals)) {
    const history = await measureSuite(suite, Number(values.seconds), values.device);
    await append(values.folder, suite, history);
    process.stderr.write(`${suite}: ${history.length} benchmarks\n`);
  }
}

if (import.meta.main) await main();
