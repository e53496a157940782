/**
 * Runs a benchmark file and writes its results to `bench/results/<name>.json`, with the machine
 * they were measured on: `deno run -A bench/record.ts checkpoint`. Where `bench/<name>_memory.ts`
 * exists, what it prints is kept beside the times, as is what is in the file under other names.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { cpus, totalmem } from "node:os";

interface BenchResult {
  group: string | null;
  name: string;
  baseline: boolean;
  results: { ok?: { min: number; avg: number; p75: number } }[];
}

async function deno(...args: string[]): Promise<string> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" })
    .output();
  if (code !== 0) {
    throw new Error(`Cannot record results: deno ${args.join(" ")} ended with ${code}`);
  }
  return new TextDecoder().decode(stdout);
}

/** Times in nanoseconds, and the ratio of the fastest runs to that of the group's baseline. */
function summarize(benches: BenchResult[]) {
  return benches.map(({ group, name, results }) => {
    const own = results[0]!.ok!;
    const base = benches.find((bench) => bench.group === group && bench.baseline)?.results[0]?.ok;
    const ratio = base ? Number((own.min / base.min).toPrecision(3)) : null;
    return { group, name, min: own.min, avg: own.avg, p75: own.p75, ratio };
  });
}

const [name] = Deno.args;
if (!name) throw new TypeError("Cannot record results: the name of a benchmark is needed");
const folder = import.meta.dirname!;
const bench = JSON.parse(await deno("bench", "-A", "--json", `${folder}/${name}.bench.ts`));
const memory = `${folder}/${name}_memory.ts`;
const path = `${folder}/results/${name}.json`;
const record = {
  ...existsSync(path) ? JSON.parse(await Deno.readTextFile(path)) : {},
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem() },
  runtime: bench.runtime,
  benches: summarize(bench.benches),
  ...existsSync(memory) ? { memory: JSON.parse(await deno("run", "-A", memory)) } : {},
};
await Deno.mkdir(`${folder}/results`, { recursive: true });
await Deno.writeTextFile(path, `${JSON.stringify(record, null, 2)}\n`);
