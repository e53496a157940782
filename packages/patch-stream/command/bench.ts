/**
 * `patch-stream bench FOLDER`: times the calls on every video of a folder.
 *
 * @module
 */
import { errorLine, type Invocation, print, ProgressLine, say } from "@vcs/transport/internal";
import { join } from "node:path";
import type { BackendName, PatchStreamConfig } from "../config.ts";
import { DECODE_FIELDS } from "../config/fields.ts";
import {
  type BENCH,
  type BenchOptions,
  FIELDS,
  fieldsAmong,
  type VIDEO_FOLDER,
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

/** Seconds that the videos took, in the order of the folder; without failures. */
interface Measured extends Combination {
  readonly seconds: readonly number[];
  readonly failed: number;
}

/** Runs `patch-stream bench`: the exit code is 1 where a video failed. */
export async function bench(
  { options, operands, signal }: Invocation<typeof BENCH, typeof VIDEO_FOLDER>,
): Promise<number> {
  const videos = (await videosOf(operands.folder)).slice(0, options.limit);
  const config = fieldsAmong(options, FIELDS);
  const results: Measured[] = [];
  for (const combination of combinations(options)) {
    results.push(await measure(combination, videos, config, signal));
  }
  if (options.json) {
    print(JSON.stringify(results.map((result) => ({ ...result, ...summary(result) }))));
  } else report(results);
  return results.some((result) => result.failed > 0) ? 1 : 0;
}

async function videosOf(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.isDirectory && VIDEO.test(entry.name)) names.push(entry.name);
  }
  if (names.length === 0) throw new Error(`Cannot benchmark: ${folder} holds no video`);
  return names.sort().map((name) => join(folder, name));
}

function combinations({ apis, decodeBackends, processBackends }: BenchOptions): Combination[] {
  return apis.flatMap((api) =>
    decodeBackends.flatMap((decode) =>
      (api === "decode_only" ? [undefined] : processBackends)
        .map((process) => ({ api, decode, process }))
    )
  );
}

async function measure(
  combination: Combination,
  videos: readonly string[],
  config: Config,
  signal: AbortSignal,
): Promise<Measured> {
  const { decodeOnly } = await import("../decode_only.ts");
  const { patchStream } = await import("../patch_stream.ts");
  const { decode, process } = combination;
  using progress = new ProgressLine();
  const seconds: number[] = [];
  for (const videoPath of videos) {
    signal.throwIfAborted();
    progress.update(`${label(combination)}: ${videoPath}`);
    const start = performance.now();
    try {
      const given = { videoPath, signal, decodeBackend: decode };
      if (process === undefined) {
        await decodeOnly({ ...fieldsAmong(config, DECODE_FIELDS), ...given });
      } else (await patchStream({ ...config, ...given, processBackend: process })).close();
    } catch (error) {
      signal.throwIfAborted();
      progress[Symbol.dispose]();
      say(`${label(combination)}  ${videoPath}: ${errorLine(error)}`);
      continue;
    }
    seconds.push((performance.now() - start) / 1000);
    progress[Symbol.dispose]();
    const latency = seconds.at(-1)!;
    say(
      `${label(combination)}  ${videoPath}: latency=${latency.toFixed(3)} s speed=${
        (1 / latency).toFixed(2)
      } videos/s`,
    );
  }
  return { ...combination, seconds, failed: videos.length - seconds.length };
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
      `${result.seconds.length} done, ${result.failed} failed`.padEnd(22),
      `mean ${mean.toFixed(3)} s`.padEnd(16),
      `sd ${deviation.toFixed(3)} s`.padEnd(14),
      `${videosPerS.toFixed(2)} videos/s`,
    ].join(" ");
  });
  print(lines.join("\n"));
}
