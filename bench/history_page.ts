/**
 * Draws the histories as one page that needs nothing else: `deno task bench:page [OUT]`. A plot a
 * benchmark, a line a machine, with quartiles; commits stand on the axis in the order in which they
 * were measured. Default of OUT: bench/history/index.html.
 *
 * @module
 */
import { basename, join } from "node:path";
import type { HistoryLine } from "./history.ts";

/** What the page shows of a benchmark on a machine. */
interface Line {
  readonly machine: string;
  readonly points: readonly Pick<HistoryLine, "commit" | "median" | "lower" | "upper" | "memory">[];
}

/** What the page shows of a benchmark. */
export interface Plot {
  readonly title: string;
  readonly lines: readonly Line[];
}

const byKey = <T>(
  items: readonly T[],
  keyOf: (item: T) => string,
): [string, T[]][] => [...Map.groupBy(items, keyOf)];

/** The plots of a suite, in the order in which its benchmarks were first measured. */
export function plotsOf(history: readonly HistoryLine[]): Plot[] {
  return byKey(history, ({ group, name }) => `${group}: ${name}`).map(([title, all]) => ({
    title,
    lines: byKey(all, ({ machine }) => machine).map(([machine, points]) => ({
      machine,
      points: points.map(({ commit, median, lower, upper, memory }) => (
        { commit, median, lower, upper, memory }
      )),
    })),
  }));
}

/** Reads every history of a folder. */
async function histories(folder: string): Promise<[suite: string, plots: Plot[]][]> {
  const files = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const names = files.filter((name) => name.endsWith(".jsonl")).sort();
  return await Promise.all(names.map(async (name): Promise<[string, Plot[]]> => {
    const text = await Deno.readTextFile(join(folder, name));
    const history = text.trim().split("\n").map((line): HistoryLine => JSON.parse(line));
    return [basename(name, ".jsonl"), plotsOf(history)];
  }));
}

/** Text of a file of uPlot, as it is in the lock. */
const fromPlot = (name: string): Promise<string> =>
  Deno.readTextFile(new URL(import.meta.resolve(`uplot/dist/${name}`)));

/** Data that may stand in a script. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");

/** The page, whole. */
export async function historyPage(suites: readonly [string, readonly Plot[]][]): Promise<string> {
  const beside = (name: string) => Deno.readTextFile(join(import.meta.dirname!, "history", name));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Speed, commit by commit</title>
<style>${await fromPlot("uPlot.min.css")}${await beside("page.css")}</style>
<h1>Speed, commit by commit</h1>
<p>Medians with quartiles; lower is faster. Machines differ, so each has a line of its own.</p>
<main></main>
<script>${await fromPlot("uPlot.iife.min.js")}</script>
<script>const SUITES = ${inScript(suites)};</script>
<script>${await beside("page.js")}</script>
</html>
`;
}

async function main(): Promise<void> {
  const folder = join(import.meta.dirname!, "history");
  const [out = join(folder, "index.html")] = Deno.args;
  await Deno.writeTextFile(out, await historyPage(await histories(folder)));
}

if (import.meta.main) await main();
