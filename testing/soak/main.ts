/**
 * All pipelines through their commands, side by side: `deno task soak [SECONDS]`. Watches memory and
 * open files of each process, and writes `testing/reports/soak.md`; ends with 1 where a command ended
 * by itself. Linux alone says what a process holds.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { serveCamera } from "../../packages/clip-drift/camera/camera_server.ts";
import { sceneFrames } from "../../packages/clip-drift/camera/scene.ts";
import { freePort } from "../../packages/transport/trial/brokers.ts";

/** What a process held at a moment. */
interface Sample {
  /** Seconds since the start. */
  readonly at: number;
  readonly megabytes: number;
  readonly files: number;
}

/** Share of the time in which commands are still starting. */
const WARMUP = 0.3;

const command = (name: string) =>
  fileURLToPath(new URL(`../../packages/${name}/mod.ts`, import.meta.url));

/** A pipeline by its name: what stands before the command in the pipe, and the command's words. */
function pipelines(folder: string, camera: string): Readonly<Record<string, [string, string[]]>> {
  const channel = `tcp://127.0.0.1:${freePort()}`;
  const clip = fileURLToPath(new URL("../../apps/demo/clip.mp4", import.meta.url));
  const raw = [
    "--raw-size",
    "32x32",
    "--size",
    "32",
    "--model",
    "vq-tiny",
    "--live",
    "--fps",
    "30",
  ];
  return {
    "clip-drift": [
      "",
      ["clip-drift", "-s", camera, "--no-display", "--model", "gist"].concat([
        ...["--runs", `${folder}/runs`],
      ]),
    ],
    "encodec-stream -e": [
      "cat /dev/zero",
      ["encodec-stream", "-b", "3", "-e", "-"].concat([
        ...["--model", "encodec_tiny_24khz"],
      ]),
    ],
    "video-vq decode": ["", ["video-vq", "decode", "--model", "vq-tiny", channel, "-"]],
    "video-vq encode": ["cat /dev/zero", ["video-vq", "encode", ...raw, "-", channel]],
    "patch-stream": [
      "",
      ["patch-stream", "--format", "none", "-o", folder].concat(
        Array<string>(20_000).fill(clip),
      ),
    ],
  };
}

/** A command that runs, and what it held. */
class Watched {
  readonly samples: Sample[] = [];
  ended: number | undefined;
  readonly #shell: Deno.ChildProcess;
  readonly #started = performance.now();

  constructor(before: string, [name, ...args]: readonly string[]) {
    const script = `${before ? `${before} | ` : ""}"$@" > /dev/null 2>&1`;
    this.#shell = new Deno.Command("setsid", {
      args: ["--wait", "sh", "-c", before ? script : `exec ${script}`, "sh", Deno.execPath(), "run"]
        .concat(["-A", "--quiet", "--no-check", command(name!), ...args]),
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    void this.#shell.status.then(({ code }) => this.ended ??= code);
  }

  /** Notes what its runtime holds: the process of the session that is the largest. */
  async sample(): Promise<void> {
    const held = await Promise.all((await descendants(this.#shell.pid)).map(heldBy));
    const [largest] = held.sort((a, b) => b.megabytes - a.megabytes);
    const at = (performance.now() - this.#started) / 1000;
    if (largest) this.samples.push({ at, ...largest });
  }

  /** Ends it. */
  async stop(): Promise<void> {
    for (const pid of await descendants(this.#shell.pid)) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await this.#shell.status;
  }
}

/** A process and all that it has started. */
async function descendants(pid: number): Promise<number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const children = (await Deno.readTextFile(path).catch(() => "")).split(" ").filter(Boolean);
  return [pid, ...(await Promise.all(children.map((child) => descendants(Number(child))))).flat()];
}

async function heldBy(pid: number): Promise<Omit<Sample, "at">> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  const files = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`)).catch(() => []);
  return { megabytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024, files: files.length };
}

/** Change of a quantity each minute: the slope of the line that fits best. */
function slope(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [at, value] = [mean(samples.map((sample) => sample.at)), mean(samples.map(of))];
  const squares = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0);
  const products = samples.reduce((sum, s) => sum + (s.at - at) * (of(s) - value), 0);
  return products / squares * 60;
}

function rowOf(name: string, { samples, ended }: Watched): string {
  const warm = samples.slice(Math.floor(samples.length * WARMUP));
  const [first, last] = [warm[0], warm.at(-1)];
  if (!first || !last || warm.length < 3) return `| ${name} | it did not run | | | | |`;
  const cells = [
    name,
    `${first.megabytes.toFixed(0)} → ${last.megabytes.toFixed(0)}`,
    slope(warm, ({ megabytes }) => megabytes).toFixed(2),
    `${first.files} → ${last.files}`,
    slope(warm, ({ files }) => files).toFixed(2),
    ended === undefined ? "running" : `ended with ${ended}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

function reportOf(all: ReadonlyMap<string, Watched>, seconds: number): string {
  return `# Soak

\`deno task soak ${seconds}\`: all pipelines side by side for ${seconds} s on ${Deno.build.os}
${Deno.build.arch} with ${navigator.hardwareConcurrency} processors, Deno ${Deno.version.deno}; memory and
open files of each command's process each second, the first ${
    WARMUP * 100
  } % of the time left out. A run
of minutes shows a fast leak and no slow one.

| command | MB | MB a minute | open files | files a minute | at the end |
| --- | --- | --- | --- | --- | --- |
${[...all].map(([name, watched]) => rowOf(name, watched)).join("\n")}
`;
}

if (import.meta.main) {
  const seconds = Number(Deno.args[0] ?? 3600);
  const folder = await Deno.makeTempDir();
  await using camera = serveCamera({ frame: sceneFrames({ width: 96, height: 72, fps: 10 }) });
  const all = new Map(
    Object.entries(pipelines(folder, camera.url))
      .map(([name, [before, words]]) => [name, new Watched(before, words)] as const),
  );
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    await Promise.all([...all.values()].map((watched) => watched.sample()));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  const report = reportOf(all, seconds);
  const isOver = [...all.values()].some(({ ended }) => ended !== undefined);
  await Promise.all([...all.values()].map((watched) => watched.stop()));
  await Deno.writeTextFile(new URL("../reports/soak.md", import.meta.url), report);
  await Deno.remove(folder, { recursive: true });
  Deno.exit(isOver ? 1 : 0);
}
