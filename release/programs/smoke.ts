/**
 * Whether a program works: the same small jobs for every form in which it is handed out, compared
 * with the command run from source. `deno run -A release/programs/smoke.ts FILE…` tries files that were
 * built, each in an empty folder, and ends with 1 where one is not as from source.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { layOut, type Program, PROGRAMS, ROOT } from "./programs.ts";

/** What a run left. */
export interface RunOutput {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** Runs a program with arguments in a folder. */
export type Run = (args: readonly string[], folder: string) => Promise<RunOutput>;

const SPEECH = join(ROOT, "packages/encodec-stream/testdata/speech.ecdc");
const CLIP = join(ROOT, "apps/demo/clip.mp4");

/** What comes out of a job, by name: text, the hash of bytes, or a figure. */
export type Outcome = Record<string, string | number>;

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
const hashOf = (bytes: Uint8Array) =>
  `${bytes.length} bytes ${createHash("sha256").update(bytes).digest("hex")}`;

/** Runs a program that must end well. */
async function runWell(run: Run, args: readonly string[], folder: string): Promise<Uint8Array> {
  const { code, stdout, stderr } = await run(args, folder);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

async function hashFile(...path: string[]): Promise<string> {
  return hashOf(await Deno.readFile(join(...path)));
}

async function ffmpeg(...args: string[]): Promise<void> {
  const all = ["-v", "error", "-nostdin", "-y", ...args];
  const { code } = await new Deno.Command("ffmpeg", { args: all }).output();
  if (code !== 0) throw new Error(`ffmpeg ${args.join(" ")} ended with ${code}`);
}

/** An `.ecdc` file: what is in it, and its sound. */
async function encodecStream(run: Run, folder: string): Promise<Outcome> {
  return {
    info: text(await runWell(run, ["-i", SPEECH], folder)),
    sound: hashOf(await runWell(run, ["-d", SPEECH], folder)),
  };
}

/** A film's first windows into a folder, and out of it as frames. */
async function videoVq(run: Run, folder: string): Promise<Outcome> {
  const film = join(folder, "film.mp4");
  await ffmpeg("-i", CLIP, "-frames:v", "34", "-an", "-c:v", "mpeg4", "-q:v", "2", film);
  const model = ["--model", "vq-tiny"];
  await runWell(run, ["encode", film, "file:windows/", ...model], folder);
  await runWell(run, ["decode", "file:windows/", "out.rgb", ...model], folder);
  return { frames: await hashFile(folder, "out.rgb") };
}

/** Patches of a film, and of two at once, for which the program starts itself. */
async function patchStream(run: Run, folder: string): Promise<Outcome> {
  await runWell(run, [CLIP, "--k-keep", "256", "-o", "patches"], folder);
  await Deno.mkdir(join(folder, "films"));
  for (const name of ["a.mp4", "b.mp4"]) await Deno.copyFile(CLIP, join(folder, "films", name));
  const { code, stderr } = await run(["batch", "films", "-o", "many", "--jobs", "2"], folder);
  return {
    patches: await hashFile(folder, "patches", "clip.safetensors"),
    batch: code,
    processes: /in this process/.exec(stderr)?.[0] ?? "each item in its own",
  };
}

/** Ten frames of a camera's recording, without weights. */
async function clipDrift(run: Run, folder: string): Promise<Outcome> {
  const frames = join(folder, "ten.mjpeg");
  await ffmpeg("-i", CLIP, "-frames:v", "10", "-an", "-q:v", "3", "-f", "mjpeg", frames);
  const args = ["-s", frames, "--model", "gist", "--no-display", "--runs", "runs"];
  await runWell(run, args, folder);
  for await (const { name } of Deno.readDir(join(folder, "runs"))) {
    const summary = JSON.parse(await Deno.readTextFile(join(folder, "runs", name, "summary.json")));
    return figuresOf(summary);
  }
  throw new Error("clip-drift left no run");
}

/** Names of figures that depend on the clock or on the place. */
const CLOCK = /time|start|end|second|_s$|rate|fps|latency|path|run|version|_at$/i;

/** Of a run's summary: what does not depend on the clock, each by its path. */
function figuresOf(value: unknown, path = "summary"): Outcome {
  if (typeof value === "number") return { [path]: value };
  if (typeof value !== "object" || value === null) return { [path]: String(value) };
  const figures = Object.entries(value).filter(([name]) => !CLOCK.test(name));
  return Object.assign({}, ...figures.map(([name, inner]) => figuresOf(inner, `${path}.${name}`)));
}

/** Figures of single precision that differ by less are equal: threads add in any order. */
const CLOSE = 1e-5;

/** Whether two runs' outcomes are the same, text to the letter. */
function assertSame(found: Outcome, expected: Outcome): void {
  const isClose = (name: string) => {
    const [a, b] = [found[name], expected[name]];
    return typeof a === "number" && typeof b === "number" && Math.abs(a - b) <= CLOSE;
  };
  const settled = Object.keys(expected).filter(isClose).map((name) => [name, expected[name]!]);
  assert.deepEqual({ ...found, ...Object.fromEntries(settled) }, expected);
}

const JOBS: Readonly<Record<string, (run: Run, folder: string) => Promise<Outcome>>> = {
  "encodec-stream": encodecStream,
  "video-vq": videoVq,
  "patch-stream": patchStream,
  "clip-drift": clipDrift,
};

/**
 * Runs a program's jobs in an empty folder, and gives what came out.
 *
 * @throws {Error} where one ends with another code than 0.
 */
export async function smoke(name: string, run: Run): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "an empty folder " });
  try {
    return {
      version: text(await runWell(run, ["--version"], folder)),
      ...await JOBS[name]!(run, folder),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a program by its path, or a command of this repository by its name. */
export function runnerOf(
  command: readonly string[],
  env: Record<string, string> = {},
  clearEnv = false,
): Run {
  return async (args, cwd) => {
    const [program, ...first] = command;
    const process = new Deno.Command(program!, {
      ...{ args: [...first, ...args], cwd, env, clearEnv, stdin: "null" },
      stdout: "piped",
      stderr: "piped",
    });
    const { code, stdout, stderr } = await process.output();
    return { code, stdout, stderr: text(stderr) };
  };
}

/** The command of a package, run from source as a program with these parts would be. */
export function sourceOf(name: string, env: Record<string, string>): Run {
  const main = join(ROOT, "packages", name, "mod.ts");
  return runnerOf([Deno.execPath(), "run", "-A", main], env);
}

/**
 * Compares a program with its command, run from source with the same parts.
 *
 * @throws {AssertionError} where they differ.
 */
export async function compareWithSource(program: Program, run: Run): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await layOut(program, join(folder, "parts"));
    const env = { VCS_PARTS: join(folder, "parts"), VCS_CACHE: join(folder, "cache") };
    const fromSource = await smoke(program.name, sourceOf(program.name, env));
    assertSame(await smoke(program.name, run), fromSource);
    const doctor = await run(["doctor"], folder);
    assert.equal(doctor.code, 0, doctor.stderr);
    assert.match(text(doctor.stdout), /^ONNX Runtime +\d.*libonnxruntime|onnxruntime\.dll/m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  for (const path of Deno.args) {
    const program = PROGRAMS.find(({ name }) => basename(path).startsWith(name))!;
    await compareWithSource(program, runnerOf([path]));
    await Deno.stdout.write(new TextEncoder().encode(`${path}: as from source\n`));
  }
}
