/**
 * What no suite has a form for and `testing/reports/speed.md` tells of: how long `--help` of each
 * command takes beside an empty program, when the first sample comes out of a cold process, what
 * closed sessions leave in memory, and a folder of short clips at 1, 2 and 8 at once beside two
 * processes. Prints lines of JSON: `deno run -A bench/goals.ts [start | first | sessions | clips]…`.
 *
 * @module
 */
import { GraphBuilder, modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { patchStreamAll } from "@vcs/patch-stream/patch_stream_all";
import { tensor } from "@vcs/transport/tensor";
import { dirname, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { quantile } from "./compare_statistics.ts";
import { writeFile } from "./encodec-stream_audio.ts";
import { madeClip } from "./made_clips.ts";
import { writeCheckpoint } from "./onnx_checkpoint.ts";
import { ROOT } from "./suite_process.ts";

const mainOf = (name: string) => join(ROOT, "packages", name, "mod.ts");
const deno = (...args: string[]) =>
  new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "null" });
const RUN = ["run", "-A", "--no-check"];

async function timed(run: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await run();
  return performance.now() - begin;
}

/** Medians of runs that take turns. */
async function medians(jobs: Record<string, () => Promise<unknown>>, rounds: number) {
  const times = Object.keys(jobs).map((name) => [name, [] as number[]] as const);
  for (let round = 0; round <= rounds; round++) {
    for (const [name, list] of times) {
      const time = await timed(jobs[name]!);
      if (round > 0) list.push(time);
    }
  }
  return Object.fromEntries(times.map(([name, list]) => [name, Math.round(quantile(list, 0.5))]));
}

/** Milliseconds of `--help`. */
async function start() {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/empty.ts`, "");
  const names = ["clip-drift", "encodec-stream", "media", "onnx", "patch-stream", "transport"];
  const help = (path: string) => () => deno(...RUN, path, "--help").output();
  const library = `import ${JSON.stringify(pathToFileURL(mainOf("encodec-stream")))};`;
  await Deno.writeTextFile(`${folder}/library.ts`, library);
  const loads = deno(...RUN, "--config", join(ROOT, "deno.json"), `${folder}/library.ts`);
  const jobs = {
    empty: help(`${folder}/empty.ts`),
    "encodec-stream, imported": () => loads.output(),
  };
  const commands = [...names, "video-vq"].map((name) => [name, help(mainOf(name))]);
  const result = await medians({ ...jobs, ...Object.fromEntries(commands) }, 11);
  await Deno.remove(folder, { recursive: true });
  return result;
}

/** Milliseconds from the start of a process to the first bytes of PCM, graphs in the cache. */
async function first() {
  const folder = await Deno.makeTempDir();
  await writeCheckpoint(`${folder}/encodec_48khz.th`);
  await writeFile(`${folder}/a.ecdc`, "encodec_48khz", 20, 8);
  const args = [mainOf("encodec-stream"), "-d", "--weights", `${folder}/encodec_48khz.th`];
  const run = async () => {
    const child = deno(...RUN, ...args, "--device", "cpu", `${folder}/a.ecdc`).spawn();
    const reader = child.stdout.getReader();
    const { done } = await reader.read();
    if (done) throw new Error("Cannot measure: nothing came");
    child.kill("SIGKILL");
    await child.status;
  };
  const result = await medians({ "first PCM, 48 kHz": run }, 7);
  await Deno.remove(folder, { recursive: true });
  return result;
}

const megabytes = () => Math.round(Deno.memoryUsage().rss / 1e6);

/** Megabytes before 20 sessions of 20 MB are opened, with them, and once they are closed. */
async function sessions() {
  const side = 2236;
  const g = new GraphBuilder("wide");
  const weight = g.weight(
    "w",
    tensor("F32", [side, side], new Float32Array(side * side).fill(0.01)),
  );
  g.output("y", g.matmul(g.input("x", "F32", ["N", side]), weight));
  const model = await modelBytes(g);
  const before = megabytes();
  const open = [];
  for (let i = 0; i < 20; i++) open.push(await Session.open(model, { device: "cpu" }));
  const most = megabytes();
  for (const session of open) session.close();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return { before, open: most, closed: megabytes() };
}

const CLIPS = 200;

/** Paths of the same film: what lies at one path is kept open. */
async function copies(film: string, count: number): Promise<string[]> {
  const folder = await Deno.makeTempDir({ dir: dirname(film) });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const paths = Array.from({ length: count }, (_, i) => `${folder}/${i}.mp4`);
  for (const path of paths) await Deno.link(film, path);
  return paths;
}

async function patchAll(paths: readonly string[], concurrency: number): Promise<number> {
  let most = 0;
  for await (const { session } of patchStreamAll(paths, { concurrency })) {
    session?.close();
    most = Math.max(most, megabytes());
  }
  return most;
}

/** Seconds and megabytes of a folder of short clips; each line in a process of its own. */
async function clips() {
  const film = await madeClip({ width: 320, height: 240, frames: 48 });
  const self = (count: number, concurrency: number) =>
    deno(
      "run",
      "-A",
      "--no-check",
      import.meta.filename!,
      "patch",
      film,
      `${count}`,
      `${concurrency}`,
    );
  const result: Record<string, { seconds: number; megabytes: number[] }> = {};
  const measure = async (name: string, runs: readonly Deno.Command[]) => {
    let outputs: Deno.CommandOutput[] = [];
    const ms = await timed(async () => {
      outputs = await Promise.all(runs.map((run) => run.output()));
    });
    const said = outputs.map(({ stdout }) => Number(new TextDecoder().decode(stdout)));
    result[name] = { seconds: Number((ms / 1000).toFixed(1)), megabytes: said };
  };
  for (const concurrency of [1, 2, 8]) {
    await measure(`${concurrency} at once`, [self(CLIPS, concurrency)]);
  }
  await measure("two processes", [self(CLIPS / 2, 1), self(CLIPS / 2, 1)]);
  return result;
}

const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
const PARTS = { start, first, sessions, clips };

if (Deno.args[0] === "patch") {
  const [, film, count, concurrency] = Deno.args as [string, string, string, string];
  print(await patchAll(await copies(film, Number(count)), Number(concurrency)));
} else {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(PARTS);
  for (const name of names) {
    const part = PARTS[name as keyof typeof PARTS];
    if (part === undefined) throw new RangeError(`Cannot measure ${name}: no such part`);
    print({ [name]: await part() });
  }
}
