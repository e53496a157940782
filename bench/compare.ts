/**
 * Compares the speed of two versions of the code in one go: `deno task bench:compare [BASE]`.
 *
 * BASE (Default: where this branch left main; on main itself, the commit before) is checked out
 * into a temporary folder. Each suite runs in two processes, one a side, that take short turns
 * benchmark by benchmark, on one core where a benchmark needs no more (on Linux), so that what else
 * the machine does slows both. Three pairs of processes look at everything, and eight more at what may
 * be slower, as a short look is noisy; it counts if nearly all find it slower, and all turns together
 * say so. Benchmarks are matched by group and name.
 *
 *   --quick        small inputs, at most 15 s of measuring a suite and side. Default: 60 s
 *   --suite NAME   only this suite; may be repeated
 *   --device NAME  cpu, cuda, webgpu or all. Default: cpu
 *   --json FILE    writes the result as JSON, too
 *   --check        ends with 1 if a benchmark became slower
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { judge, type Sides, type Verdict } from "./compare_statistics.ts";
import {
  canPin,
  git,
  keyOf,
  type Name,
  ROOT,
  type SuiteOptions,
  SuiteProcess,
  suitesOf,
} from "./suite_process.ts";
import { DEFAULT_TOLERANCE, TOLERANCES } from "./tolerances.ts";

/** Turns of each side at a benchmark in a look, as far as there is time for them, and at least. */
const TURNS = { most: 400, least: 3 };

/** Milliseconds of the longest run that has its turns in a look of a second: a third of it. */
const LONGEST = 1000 / 3 / TURNS.least;

/**
 * Milliseconds of turns that a side has at a benchmark in a look at least, however little time others
 * have left: twenty turns of a short one. With three, looks at the same code differ by a third.
 */
const LEAST_TIME = 100;

/**
 * Milliseconds of a turn, of at least one run. A neighbour on the core comes and goes several times a
 * second: the shorter a turn, the more often both meet it.
 */
const TURN = 5;

/** Jobs that keep fewer processors busy are compared on one core, where both sides meet the same. */
const PARALLEL = 1.5;

/** The share of the time that each look has. */
const LOOKS = [0.12, 0.12, 0.12, ...Array<number>(8).fill(0.08)];

/** How many of them look at everything; the others at what may be slower. */
const WHOLE = 3;

/** What is compared: the suite of this checkout with that of another. */
interface Work extends SuiteOptions {
  readonly base: string;
  readonly suite: string;
}

/** A benchmark's result. */
interface Result extends Name, Verdict {
  readonly tolerance: number;
}

/** What came out of a suite. */
interface SuiteResult {
  readonly suite: string;
  readonly results: readonly Result[];
  /** Benchmarks on one side alone, and those for which there was no time. */
  readonly notCompared: readonly (Name & { readonly why: string })[];
}

/** The commit to compare with unless one is named. */
async function defaultBase(): Promise<string> {
  const [head, base] = [
    await git("rev-parse", "HEAD"),
    await git("merge-base", "main", "HEAD"),
  ];
  const isClean = await git("status", "--porcelain", "--untracked-files=no") === "";
  return head === base && isClean ? "HEAD~1" : base;
}

/** A checkout of a commit, beside the shared folder where there is one; removed at the end. */
export async function checkout(
  commit: string,
): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await Deno.makeTempDir({ prefix: "compare" });
  const path = join(folder, "base");
  await git("worktree", "add", "--detach", "--quiet", path, commit);
  const shared = join(ROOT, "../shared");
  if (existsSync(shared)) await Deno.symlink(shared, join(folder, "shared"));
  return {
    path,
    async [Symbol.asyncDispose]() {
      await git("worktree", "remove", "--force", path);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A benchmark that both sides have, with its place in each list. */
interface Pair extends Name {
  readonly base: number;
  readonly head: number;
}

function pairsOf(base: readonly Name[], head: readonly Name[]): Pair[] {
  const places = new Map(base.map((name, place) => [keyOf(name), place]));
  return head.flatMap((name, place) => {
    const inBase = places.get(keyOf(name));
    return inBase === undefined ? [] : [{ ...name, base: inBase, head: place }];
  });
}

/** What takes turns. */
type Side = Pick<SuiteProcess, "measure" | "pin" | "tryOut">;

interface Measured {
  readonly pair: Pair;
  readonly sides: { base: number[][]; head: number[][] };
}

interface TurnOptions {
  readonly first: "base" | "head";
  /** Milliseconds. */
  readonly longest?: number;
  /** A clock, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Lets both sides take turns at each benchmark that takes no longer than the longest given. Which is
 * first may tell, as what it compiles is ready before the other's: looks change it.
 */
export async function takeTurns(
  sides: { readonly base: Side; readonly head: Side },
  pairs: readonly Pair[],
  seconds: number,
  { first, longest = Infinity, now = () => performance.now() }: TurnOptions,
): Promise<Measured[]> {
  const [one, other] = first === "base" ? ["base", "head"] as const : ["head", "base"] as const;
  const measured: Measured[] = [];
  let left = 1000 * seconds;
  for (const [done, pair] of pairs.entries()) {
    const share = Math.max(LEAST_TIME, left / (pairs.length - done));
    await Promise.all([sides.base.pin(false), sides.head.pin(false)]);
    const tried = await sides[one].tryOut(pair[one]);
    const once = tried.once / 1e6;
    if (once > longest) continue;
    const { processors } = await sides[other].tryOut(pair[other]);
    const isPinned = Math.max(tried.processors, processors) < PARALLEL;
    await Promise.all([sides.base.pin(isPinned), sides.head.pin(isPinned)]);
    const both: Measured["sides"] = { base: [], head: [] };
    // What it takes to get ready, as starting a broker, is not its measuring.
    const begin = now();
    const spent = () => (now() - begin) / 2;
    const isOver = (turns: number) =>
      turns >= TURNS.most || (turns >= TURNS.least && spent() + once > share);
    for (let turns = 0; !isOver(turns); turns++) {
      const order = turns % 2 === 0 ? [one, other] : [other, one];
      for (const side of order) both[side].push(await sides[side].measure(pair[side], TURN));
    }
    measured.push({ pair, sides: both });
    left -= spent();
  }
  return measured;
}

/** Measures benchmarks in two new processes: those chosen, or all that are not too long. */
async function look(
  { base, suite, ...options }: Work,
  seconds: number,
  first: "base" | "head",
  chosen?: (pair: Pair) => boolean,
): Promise<{ measured: Measured[]; names: { base: Name[]; head: Name[] } }> {
  await using baseSide = new SuiteProcess(base, suite, options);
  await using headSide = new SuiteProcess(ROOT, suite, options);
  const names = { base: await baseSide.names(), head: await headSide.names() };
  const pairs = pairsOf(names.base, names.head);
  const sides = { base: baseSide, head: headSide };
  const measured = chosen === undefined
    ? await takeTurns(sides, pairs, seconds, { first, longest: LONGEST * seconds })
    : await takeTurns(sides, pairs.filter(chosen), seconds, { first });
  return { measured, names };
}

/** What stands on one side alone, or was not reached in the time. */
function notCompared(
  names: { base: readonly Name[]; head: readonly Name[] },
  results: readonly Name[],
): SuiteResult["notCompared"] {
  const keys = (list: readonly Name[]) => new Set(list.map(keyOf));
  const [base, head, done] = [keys(names.base), keys(names.head), keys(results)];
  return [
    ...names.base.filter((name) => !head.has(keyOf(name))).map((name) => ({
      ...name,
      why: "gone",
    })),
    ...names.head.filter((name) => !base.has(keyOf(name))).map((name) => ({ ...name, why: "new" })),
    ...names.head.filter((name) => base.has(keyOf(name)) && !done.has(keyOf(name)))
      .map((name) => ({ ...name, why: "no time for three turns" })),
  ];
}

/** Compares a suite; what may be slower is looked at again, and all its turns count together. */
async function compareSuite(work: Work, seconds: number): Promise<SuiteResult> {
  const { suite } = work;
  const looks = new Map<string, Sides[]>();
  const results = new Map<string, Result>();
  let names: { base: Name[]; head: Name[] } | undefined;
  for (const [n, share] of LOOKS.entries()) {
    const isSuspect = (pair: Pair) => results.get(keyOf(pair))?.suspect ?? false;
    if (n >= WHOLE && !results.values().some(({ suspect }) => suspect)) break;
    const one = await look(
      work,
      seconds * share,
      n % 2 === 0 ? "base" : "head",
      n < WHOLE ? undefined : isSuspect,
    );
    names ??= one.names;
    for (const { pair: { group, name }, sides } of one.measured) {
      const key = keyOf({ group, name });
      const tolerance = TOLERANCES[`${suite} / ${key}`]?.tolerance ?? DEFAULT_TOLERANCE;
      const all = [...looks.get(key) ?? [], sides];
      looks.set(key, all);
      results.set(key, { group, name, tolerance, ...judge(all, tolerance) });
    }
  }
  const list = [...results.values()];
  return { suite, results: list, notCompared: notCompared(names!, list) };
}

function duration(nanoseconds: number): string {
  const [unit, size] = nanoseconds < 1e3
    ? ["ns", 1]
    : nanoseconds < 1e6
    ? ["µs", 1e3]
    : ["ms", 1e6];
  return `${Number((nanoseconds / Number(size)).toPrecision(3))} ${unit}`;
}

/** The result for people, as Markdown. */
function markdown(suites: readonly SuiteResult[]): string {
  const out: string[] = [];
  for (const { suite, results, notCompared } of suites) {
    out.push(
      `## ${suite}`,
      "",
      "| group | job | base | head | ratio | 95 % | by look | |",
      "|---|---|---|---|---|---|---|---|",
    );
    for (const { group, name, base, head, ratio, interval, looks, slower, tolerance } of results) {
      const byLook = looks.map((value) => value.toFixed(2)).join(" ");
      const range = interval.map((value) => value.toFixed(2)).join("–");
      const mark = slower ? `**slower** by more than ${Math.round(tolerance * 100)} %` : "";
      out.push(
        `| ${group} | ${name} | ${duration(base)} | ${duration(head)} | ${
          ratio.toFixed(2)
        } | ${range} | ${byLook} | ${mark} |`,
      );
    }
    out.push("", ...notCompared.map((name) => `- not compared: ${keyOf(name)} (${name.why})`), "");
  }
  return out.join("\n");
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      json: { type: "string" },
      suite: { type: "string", multiple: true, default: [] },
      device: { type: "string" },
    },
  });
  if (!await canPin()) {
    process.stderr.write("Both sides run on any core (no taskset here): looks will differ more\n");
  }
  await using base = await checkout(positionals[0] ?? await defaultBase());
  const suites: SuiteResult[] = [];
  for (const suite of await suitesOf(values.suite)) {
    const { device, quick } = values;
    const result = await compareSuite({ base: base.path, suite, device, quick }, quick ? 15 : 60);
    suites.push(result);
    await new Blob([`${markdown([result])}\n`]).stream().pipeTo(Deno.stdout.writable, {
      preventClose: true,
    });
  }
  if (values.json !== undefined) {
    await Deno.writeTextFile(values.json, `${JSON.stringify(suites, null, 2)}\n`);
  }
  const isSlow = suites.some(({ results }) => results.some(({ slower }) => slower));
  return values.check && isSlow ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main());
