/**
 * Sizes and starts of the programs that are one file: `deno run -A bench/single_file.ts` writes
 * `bench/results/single_file.json`. The first start unpacks; the later ones take turns with the same
 * command run by Deno from its cache.
 *
 * @module
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { filesBeside, type Program, PROGRAMS, ROOT } from "../release/programs/programs.ts";
import { buildSingleFiles, PLATFORM } from "../release/programs/single_file.ts";

const RUNS = 15;

/** Seconds that a command takes from its start to its end. */
async function seconds(command: string, args: string[], cache: string): Promise<number> {
  const start = performance.now();
  const { code } = await new Deno.Command(command, {
    args,
    env: { VCS_CACHE: cache },
    stdout: "null",
    stderr: "null",
  }).output();
  if (code !== 0) throw new Error(`Cannot measure: ${command} ended with ${code}`);
  return (performance.now() - start) / 1000;
}

const median = (times: number[]) => [...times].sort((a, b) => a - b)[times.length >> 1]!;

/** Bytes of what lies beside a compiled program. */
async function embedded(program: Program): Promise<number> {
  const files = await filesBeside(program);
  const sizes = await Promise.all(files.map(async ({ source }) => (await Deno.stat(source)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function measure(program: Program, file: string, cache: string) {
  const main = join(ROOT, "packages", program.name, "mod.ts");
  const byDeno = ["run", "-A", "--cached-only", main, "--version"];
  const coldSeconds = await seconds(file, ["--version"], cache);
  await seconds(Deno.execPath(), byDeno, cache);
  const [warm, deno]: [number[], number[]] = [[], []];
  for (let run = 0; run < RUNS; run++) {
    warm.push(await seconds(file, ["--version"], cache));
    deno.push(await seconds(Deno.execPath(), byDeno, cache));
  }
  return {
    name: program.name,
    bytes: (await Deno.stat(file)).size,
    embedded: await embedded(program),
    coldSeconds,
    warmSeconds: median(warm),
    denoSeconds: median(deno),
  };
}

const folder = await Deno.makeTempDir();
const files = await buildSingleFiles(PROGRAMS, folder);
const programs = [];
for (const [number, program] of PROGRAMS.entries()) {
  programs.push(await measure(program, files[number]!, join(folder, "cache")));
}
await Deno.remove(folder, { recursive: true });
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, platform: PLATFORM };
const record = { machine, runtime: `Deno ${Deno.version.deno}`, programs };
const path = join(ROOT, "bench/results/single_file.json");
await Deno.writeTextFile(path, `${JSON.stringify(record, null, 2)}\n`);
