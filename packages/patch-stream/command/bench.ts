/**
 * `patch-stream bench PATH`: times the calls on a video, or every one of a folder.
 *
 * @module
 */
import {
  defined,
  errorLine,
  type Invocation,
  print,
  ProgressLine,
  say,
} from "@vcs/transport/internal";
import { join } from "node:path";
import type { BackendName, PatchStreamConfig } from "../config.ts";
import { DECODE_FIELDS } from "../config/fields.ts";
import { PYTHON_DECODERS, timePython } from "./bench_python.ts";
import { bothStages, sayIgnored } from "./old_lines.ts";
import {
  type BENCH,
  type BenchOptions,
  FIELDS,
  fieldsAmong,
  type VIDEO_OR_FOLDER,
} from "./options.ts";

const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi|ts|m2ts|mpg|mpeg|h264|hevc|gif)$/i;

type Config = Omit<PatchStreamConfig, "videoPath">;

/** One way to treat a video. */
interface Combination {
  readonly api: BenchOptions["apis"][number];
  readonly decode: BackendName;
  /** Not set for `decode_only`. */
  readonly process: BackendName | undefined;
}

/** Seconds that the videos took, run by run, in the order of the videos; without failures. */
interface Measured extends Combination {
  readonly seconds: readonly number[];
  readonly failed: number;
}

/** Runs `patch-stream bench`: the exit code is 1 where a video failed. */
export async function bench(
  { options, operands, signal }: Invocation<typeof BENCH, typeof VIDEO_OR_FOLDER>,
): Promise<number> {
  const videos = (await videosOf(operands.path)).slice(0, options.limit);
  const { decodeBackend: _decode, processBackend: _process, ...devices } = bothStages(options);
  const config = { ...devices, ...fieldsAmong(options, FIELDS) };
  sayIgnored(options);
  const results: Measured[] = [];
  for (const combination of combinations(options)) {
    results.push(await measure(combination, videos, { ...options, config }, signal));
  }
  for (const name of PYTHON_DECODERS.filter((name) => options.apis.includes(name))) {
    const measured = await measurePython(name, videos, { ...options, config }, signal);
    if (measured) results.push(measured);
  }
  if (options.json) {
    print(JSON.stringify(results.map((result) => ({ ...result, ...summary(result) }))));
  } else report(results);
  return results.some((result) => result.failed > 0) ? 1 : 0;
}

/** A video itself, or all in a folder and those below it, in the order of their paths. */
async function videosOf(path: string): Promise<string[]> {
  if (!(await Deno.stat(path)).isDirectory) return [path];
  const videos: string[] = [];
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of Deno.readDir(folder)) {
      const inside = join(folder, entry.name);
      if (entry.isDirectory) folders.push(inside);
      else if (VIDEO.test(entry.name)) videos.push(inside);
    }
  }
  if (videos.length === 0) throw new Error(`Cannot benchmark: ${path} holds no video`);
  return videos.sort();
}

function combinations(options: BenchOptions): Combination[] {
  const { decodeBackend = "cpu", processBackend = "cpu" } = bothStages(options);
  const { decodeBackends = [decodeBackend], processBackends = [processBackend] } = options;
  return options.apis.filter((api) => !isPython(api)).flatMap((api) =>
    decodeBackends.flatMap((decode) =>
      (api === "decode_only" ? [undefined] : processBackends)
        .map((process) => ({ api, decode, process }))
    )
  );
}

/** Whether an API is one of Python's. */
function isPython(api: string): boolean {
  return PYTHON_DECODERS.some((name) => name === api);
}

/** Times a decoder of Python; undefined, with a note, where there is none. */
async function measurePython(
  api: typeof PYTHON_DECODERS[number],
  videos: readonly string[],
  { warmup, runs, config: { sequenceLength = 16 } }: Repetition,
  signal: AbortSignal,
): Promise<Measured | undefined> {
  const times = await timePython(api, videos, { count: sequenceLength, warmup, runs }, signal);
  if (times === undefined) {
    say(`note: ${api} is left out: no python3 that has it; VCS_PYTHON names another`);
    return undefined;
  }
  for (const { video, error } of times) if (error) say(`${api} cpu  ${video}: ${error}`);
  return {
    ...{ api, decode: "cpu", process: undefined },
    seconds: times.flatMap(({ seconds }) => seconds),
    failed: times.filter(({ error }) => error !== undefined).length,
  };
}

/** How often, and with which settings. */
interface Repetition extends Pick<BenchOptions, "warmup" | "runs"> {
  readonly config: Config;
}

async function measure(
  combination: Combination,
  videos: readonly string[],
  { warmup, runs, config }: Repetition,
  signal: AbortSignal,
): Promise<Measured> {
  using progress = new ProgressLine();
  const seconds: number[] = [];
  let failed = 0;
  for (const videoPath of videos) {
    progress.update(`${label(combination)}: ${videoPath}`);
    try {
      for (let n = -warmup; n < runs; n++) {
        signal.throwIfAborted();
        const start = performance.now();
        await runOnce(combination, { ...config, videoPath, signal });
        if (n >= 0) seconds.push((performance.now() - start) / 1000);
      }
    } catch (error) {
      signal.throwIfAborted();
      progress[Symbol.dispose]();
      failed++;
      say(`${label(combination)}  ${videoPath}: ${errorLine(error)}`);
      continue;
    }
    progress[Symbol.dispose]();
    const latency = Math.min(...seconds.slice(-runs));
    say(
      `${label(combination)}  ${videoPath}: latency=${latency.toFixed(3)} s speed=${
        (1 / latency).toFixed(2)
      } videos/s`,
    );
  }
  return { ...combination, seconds, failed };
}

async function runOnce(
  { decode, process }: Combination,
  config: PatchStreamConfig,
): Promise<void> {
  const given = { ...config, decodeBackend: decode };
  if (process === undefined) {
    const { decodeOnly } = await import("../decode_only.ts");
    const { videoPath, signal } = config;
    const fields = fieldsAmong(given, DECODE_FIELDS);
    await decodeOnly({ ...fields, videoPath, ...defined({ signal }) });
  } else {
    const { patchStream } = await import("../patch_stream.ts");
    (await patchStream({ ...given, processBackend: process })).close();
  }
}

function label({ api, decode, process }: Combination): string {
  return `${api} ${decode}${process ? `→${process}` : ""}`;
}

function summary({ seconds }: Measured): { mean: number; deviation: number; videosPerS: number } {
  const count = Math.max(1, seconds.length);
  const mean = seconds.reduce((a, b) => a + b, 0) / count;
  const deviation = Math.sqrt(seconds.reduce((sum, s) => sum + (s - mean) ** 2, 0) / count);
  return { mean, deviation, videosPerS: mean > 0 ? 1 / mean : 0 };
}

/** A table on stdout: it is the result. */
function report(results: readonly Measured[]): void {
  const lines = results.map((result) => {
    const { mean, deviation, videosPerS } = summary(result);
    return [
      label(result).padEnd(26),
      `${result.seconds.length} runs, ${result.failed} failed`.padEnd(22),
      `mean ${mean.toFixed(3)} s`.padEnd(16),
      `sd ${deviation.toFixed(3)} s`.padEnd(14),
      `${videosPerS.toFixed(2)} videos/s`,
    ].join(" ");
  });
  print(lines.join("\n"));
}
