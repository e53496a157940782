/**
 * `patch-stream bench <folder>`: times the calls on every video of a folder.
 *
 * @module
 */
import { print, ProgressLine, say, UsageError } from "@vcs/transport/internal";
import { join } from "node:path";
import { type CommandLine, readCommandLine } from "./flags.ts";
import type { BackendName, PatchStreamConfig } from "../config.ts";
import { DECODE_FIELDS } from "../config/fields.ts";

const FLAGS = {
  limit: { shape: "n" },
  apis: { shape: "names" },
  "decode-backends": { shape: "names" },
  "process-backends": { shape: "names" },
  json: {},
} as const;

const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi|ts|m2ts|mpg|mpeg|h264|hevc|gif)$/i;
const APIS = ["decode_only", "patch_stream"] as const;

/** One way to treat a video. */
interface Combination {
  readonly api: typeof APIS[number];
  readonly decode: BackendName;
  /** Not set for `decode_only`. */
  readonly process: BackendName | undefined;
}

/** Seconds that the videos took, in the order of the folder; failures left out. */
interface Measured extends Combination {
  readonly seconds: readonly number[];
  readonly failed: number;
}

/** Runs the command; see {@linkcode main}. */
export async function bench(args: string[], signal: AbortSignal): Promise<number> {
  const line = readCommandLine(args, FLAGS);
  const planned = combinations(line);
  const videos = await videosOf(line);
  const results: Measured[] = [];
  for (const combination of planned) {
    results.push(await measure(combination, videos, line.config, signal));
  }
  if (line.values.json === true) {
    print(JSON.stringify(results.map((result) => ({ ...result, ...summary(result) }))));
  } else report(results);
  return results.some((result) => result.failed > 0) ? 1 : 0;
}

async function videosOf({ values, operands }: CommandLine): Promise<string[]> {
  const [folder] = operands;
  if (operands.length !== 1) throw new UsageError("bench takes one folder");
  const limit = Number(values.limit ?? Infinity);
  if (!(limit >= 1)) throw new UsageError(`--limit must be 1 or more, found ${values.limit}`);
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder!)) {
    if (!entry.isDirectory && VIDEO.test(entry.name)) names.push(entry.name);
  }
  if (names.length === 0) throw new Error(`Cannot benchmark: ${folder} holds no video`);
  return names.sort().slice(0, limit).map((name) => join(folder!, name));
}

function combinations({ values }: CommandLine): Combination[] {
  const apis = list(values.apis, "--apis", APIS, APIS);
  const decode = list(values["decode-backends"], "--decode-backends", ["cpu", "gpu"], ["cpu"]);
  const process = list(values["process-backends"], "--process-backends", ["cpu", "gpu"], ["cpu"]);
  return apis.flatMap((api) =>
    decode.flatMap((decode) =>
      (api === "decode_only" ? [undefined] : process).map((process) => ({ api, decode, process }))
    )
  );
}

function list<T extends string>(
  value: string | boolean | undefined,
  flag: string,
  allowed: readonly T[],
  preset: readonly T[],
): readonly T[] {
  if (typeof value !== "string") return preset;
  return value.split(",").map((name) => {
    const word = allowed.find((word) => word === name.trim());
    if (word) return word;
    throw new UsageError(`${flag} must be names of ${allowed.join(", ")}, found ${name}`);
  });
}

async function measure(
  combination: Combination,
  videos: readonly string[],
  config: Omit<PatchStreamConfig, "videoPath">,
  signal: AbortSignal,
): Promise<Measured> {
  const { decodeOnly } = await import("../decode_only.ts");
  const { patchStream } = await import("../patch_stream.ts");
  const { api, decode, process } = combination;
  using progress = new ProgressLine();
  const seconds: number[] = [];
  for (const videoPath of videos) {
    signal.throwIfAborted();
    progress.update(`${label(combination)}: ${videoPath}`);
    const start = performance.now();
    try {
      const whole = { ...config, videoPath, signal, decodeBackend: decode };
      if (api === "decode_only") await decodeOnly(decodeFields(whole));
      else (await patchStream({ ...whole, processBackend: process! })).close();
    } catch (error) {
      signal.throwIfAborted();
      progress[Symbol.dispose]();
      say(`${label(combination)}  ${videoPath}: ${error instanceof Error ? error.message : error}`);
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

/** The part of a configuration that decoding alone takes. */
function decodeFields(config: PatchStreamConfig): PatchStreamConfig {
  const known = (name: string) =>
    name === "videoPath" || name === "signal" || Object.hasOwn(DECODE_FIELDS, name);
  return Object.fromEntries(
    Object.entries(config).filter(([name]) => known(name)),
  ) as unknown as PatchStreamConfig;
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

/** A table for people, on stdout because it is what was asked for. */
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
