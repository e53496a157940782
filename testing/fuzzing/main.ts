/**
 * Searches for inputs that hurt a parser: `deno task fuzz [SECONDS] [TARGET…]`. What is found goes
 * into the corpus, which the tests read; the report goes to `testing/reports/fuzz.md`. Ends with 1
 * where something was found.
 *
 * @module
 */
import { mapOrdered } from "../../packages/transport/batch/ordered.ts";
import { compare, type Comparison } from "./compare.ts";
import { readCorpus, writeCorpus } from "./corpus.ts";
import type { Found, Search } from "./search.ts";
import type { Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

/** Searches at once. */
const JOBS = 2;
/** Megabytes of a search's heap: what takes more is a find. */
const HEAP = 1024;
/** Seconds that a search may take to start, and to end what it is at. */
const GRACE = 60;

/** A search and what came of it. */
interface Row {
  readonly target: Target;
  readonly search: Search;
  readonly comparison: Comparison | undefined;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Searches in a process of its own; where that hangs or dies, its last input is the find. */
async function searchIn(name: string, seconds: number, seed: number): Promise<Search> {
  const folder = await Deno.makeTempDir();
  const [last, out] = [`${folder}/last`, `${folder}/out`];
  try {
    const script = import.meta.resolve("./search.ts");
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", `--v8-flags=--max-old-space-size=${HEAP}`]
        .concat([script, name, `${seconds}`, `${seed}`, last, out]),
      signal: AbortSignal.timeout((seconds + GRACE) * 1000),
    }).output();
    if (code === 0) return JSON.parse(await Deno.readTextFile(out));
    const kept = await Deno.readFile(last);
    const length = new DataView(kept.buffer).getUint32(0);
    const bytes = kept.subarray(4, 4 + length).toBase64();
    const kind = `ended with ${code}: ${new TextDecoder().decode(stderr).slice(-300)}`;
    return { runs: 0, kinds: [], bad: [{ bytes, kind }], read: [] };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const bytesOf = ({ bytes }: Found) => Uint8Array.fromBase64(bytes);

async function searchTarget(target: Target, seconds: number): Promise<Row> {
  const { name, reference } = target;
  const search = await searchIn(name, seconds, Math.floor(Math.random() * 2 ** 31));
  const { kinds, bad, read } = search;
  await writeCorpus(name, [...await readCorpus(name), ...[...kinds, ...bad].map(bytesOf)]);
  const comparison = reference === undefined ? undefined : await compare(reference, read);
  for (const { kind, bytes } of bad) print(`${name}: ${kind}\n  ${bytes}`);
  for (const { bytes } of comparison?.differs ?? []) print(`${name} differs: ${bytes}`);
  for (const [words, [first]] of comparison?.laxer ?? []) {
    print(`${name} read what its library refuses (${words}): ${first?.bytes}`);
  }
  print(`${name}: ${search.runs} inputs, ${kinds.length} ways of ending, ${bad.length} bad`);
  return { target, search, comparison };
}

function rowOf({ target, search: { runs, kinds, bad }, comparison }: Row): string {
  const laxer = [...comparison?.laxer.values() ?? []].reduce((sum, all) => sum + all.length, 0);
  const compared = comparison
    ? [comparison.same, laxer, comparison.differs.length]
    : target.reference
    ? ["not here", "", ""]
    : ["none", "", ""];
  return `| ${[target.name, runs, kinds.length, bad.length, ...compared].join(" | ")} |`;
}

function reportOf(rows: readonly Row[], seconds: number): string {
  return `# Fuzzing

\`deno task fuzz ${seconds}\`: ${seconds} s for each parser, two at once, on ${Deno.build.os} ${Deno.build.arch}, Deno
${Deno.version.deno}. Bad is what ended in neither a value nor an error of ours, took longer than five
seconds, or ended the process. The last three columns compare with the format's own library, where one
is here: inputs of which both read the same, those that only we read, those of which we read something
else.

| target | inputs | ways of ending | bad | same | only we read | differ |
| --- | --- | --- | --- | --- | --- | --- |
${rows.map(rowOf).join("\n")}
`;
}

if (import.meta.main) {
  const [seconds = "60", ...names] = Deno.args;
  const wanted = TARGETS.filter(({ name }) => names.length === 0 || names.includes(name));
  const search = (target: Target) => searchTarget(target, Number(seconds));
  const rows = await Array.fromAsync(mapOrdered(ReadableStream.from(wanted), JOBS, search));
  if (names.length === 0) {
    const report = new URL("../reports/fuzz.md", import.meta.url);
    await Deno.writeTextFile(report, reportOf(rows, Number(seconds)));
  }
  const isBad = rows.some(({ search, comparison }) =>
    search.bad.length > 0 || (comparison?.differs.length ?? 0) > 0
  );
  Deno.exit(isBad ? 1 : 0);
}
