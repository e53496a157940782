/**
 * All pipelines through their commands, or those that are named, side by side:
 * `deno task soak [SECONDS] [NAME…]`. Watches memory and
 * open files of each process, and writes `testing/reports/soak.md`; ends with 1 where a command ended
 * by itself or grows. Linux alone says what a process holds.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { serveCamera } from "../../packages/clip-drift/camera/camera_server.ts";
import { sceneFrames } from "../../packages/clip-drift/camera/scene.ts";
import { type Pipeline, pipelines, songWords } from "./pipelines.ts";
import {
  floorOf,
  judge,
  type Point,
  SETTLING,
  type Trend,
  trendOf,
  type Verdict,
} from "./trend.ts";

/** What a process held at a moment. */
interface Sample {
  /** Minutes since the start. */
  readonly at: number;
  readonly megabytes: number;
  readonly files: number;
}

/** Share of the time in which commands are still starting. */
const WARMUP = 0.3;

/** Growth each minute that counts as none: 12 MB, and 3 files, in an hour. */
const ALLOWED = { megabytes: 0.2, files: 0.05 } as const;

function commandWords([name, ...args]: Pipeline["words"]): string[] {
  const path = fileURLToPath(new URL(`../../packages/${name}/mod.ts`, import.meta.url));
  return ["run", "-A", "--quiet", "--no-check", path, ...args];
}

/** A command that runs, and what it held. */
class Watched {
  readonly samples: Sample[] = [];
  /** Times that somebody has looked at its page. */
  views = 0;
  ended: number | undefined;
  readonly #shell: Deno.ChildProcess;
  readonly #viewing: Promise<void>;
  readonly #stop = new AbortController();
  readonly #started = performance.now();

  constructor({ before, words, view }: Pipeline) {
    const script = `${before ? `(${before}) 2>&- | ` : ""}"$@" > /dev/null 2>&1`;
    this.#shell = new Deno.Command("setsid", {
      args: ["--wait", "sh", "-c", before ? script : `exec ${script}`, "sh", Deno.execPath()]
        .concat(commandWords(words)),
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    void this.#shell.status.then(({ code }) => this.ended ??= code);
    this.#viewing = view ? this.#viewAll(view) : Promise.resolve();
  }

  /** Looks at the page again and again. */
  async #viewAll(view: NonNullable<Pipeline["view"]>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // It may not be there yet.
      await view(this.#stop.signal).then(() => this.views++, () => {});
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  /** Notes what its runtime holds: the process of the session that is the largest. */
  async sample(): Promise<void> {
    const held = await Promise.all((await descendants(this.#shell.pid)).map(heldBy));
    const [largest] = held.sort((a, b) => b.megabytes - a.megabytes);
    const at = (performance.now() - this.#started) / 60_000;
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
    this.#stop.abort();
    await this.#viewing;
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

/** What became of a command. */
interface Row {
  readonly cells: readonly (string | number)[];
  readonly verdicts: readonly Verdict[];
}

/** A slope and where it lies with 95 %. */
function shown(trend: Trend | undefined): string {
  if (trend === undefined) return "unknown";
  const [slope, least, most] = [trend.slope, trend.least, trend.most].map((n) => n.toFixed(2));
  return `${slope} (${least} to ${most})`;
}

function rowOf(name: string, { samples, ended, views }: Watched, hasPage: boolean): Row {
  const warm = samples.slice(Math.floor(samples.length * WARMUP));
  const minutes = (warm.at(-1)?.at ?? 0) - (warm[0]?.at ?? 0);
  const quantities = ["megabytes", "files"] as const;
  const floors = quantities.map((key) => floorOf(warm.map((s): Point => [s.at, s[key]])));
  const trends = floors.map(trendOf);
  const ends = floors.map((floor) =>
    `${[floor[0], floor.at(-1)].map((p) => p?.[1].toFixed(0)).join(" → ")}`
  );
  const verdicts = quantities.map((key, i) => judge(trends[i], ALLOWED[key], minutes));
  const state = ended === undefined ? "running" : `ended with ${ended}`;
  const cells = [0, 1].flatMap((i) => [ends[i]!, shown(trends[i]), verdicts[i]!]);
  return { cells: [name, ...cells, hasPage ? views : "", state], verdicts };
}

function reportOf(rows: readonly Row[], seconds: number): string {
  return `# Soak

\`deno task soak ${seconds}\`: all pipelines side by side for ${seconds} s on ${Deno.build.os}
${Deno.build.arch} with ${navigator.hardwareConcurrency} processors, Deno ${Deno.version.deno}. Resident
memory and open files of each command's process, each second, the first ${
    WARMUP * 100
  } % of the time
left out. The rest is divided into twenty stretches, and the lowest value of each counts: what garbage
collection comes back to. The slope a minute is the median of the slopes between all pairs of these
(Theil and Sen), in brackets its interval of 95 %. A command is steady where all of the interval is
below the allowance, ${ALLOWED.megabytes} MB and ${ALLOWED.files} files a minute, and grows where all of it is above
and ${SETTLING} minutes or more were measured; else the run was too short to say.

| command | MB | MB a minute | memory | files | files a minute | handles | views of the page | at the end |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.map(({ cells }) => `| ${cells.join(" | ")} |`).join("\n")}
`;
}

/** Runs all of them for some seconds; gives what became of each, and whether that is as it should be. */
async function soak(
  folder: string,
  seconds: number,
  names: readonly string[],
): Promise<{ rows: Row[]; isRight: boolean }> {
  await using camera = await serveCamera({ frame: sceneFrames({ width: 96, height: 72, fps: 4 }) });
  await new Deno.Command(Deno.execPath(), { args: commandWords(songWords(folder)), stdin: "null" })
    .output();
  const all = Object.entries(pipelines(folder, camera.url))
    .filter(([name]) => names.length === 0 || names.includes(name))
    .map(([name, pipeline]) => ({ name, pipeline, watched: new Watched(pipeline) }));
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    await Promise.all(all.map(({ watched }) => watched.sample()));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  const rows = all.map(({ name, pipeline: { view }, watched }) =>
    rowOf(name, watched, view !== undefined)
  );
  const isOver = all.some(({ watched }) => watched.ended !== undefined);
  await Promise.all(all.map(({ watched }) => watched.stop()));
  return { rows, isRight: !isOver && !rows.some(({ verdicts }) => verdicts.includes("grows")) };
}

if (import.meta.main) {
  const [first = "3600", ...names] = Deno.args;
  const seconds = Number(first);
  const folder = await Deno.makeTempDir();
  const { rows, isRight } = await soak(folder, seconds, names);
  const report = reportOf(rows, seconds);
  await Deno.writeTextFile(new URL("../reports/soak.md", import.meta.url), report);
  await Deno.remove(folder, { recursive: true });
  Deno.exit(isRight ? 0 : 1);
}
