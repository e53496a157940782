/**
 * `patch-stream <video…>`: videos in, files with patches out.
 *
 * @module
 */
import {
  errorLine,
  type Invocation,
  print,
  ProgressLine,
  say,
  UsageError,
  writeWhole,
} from "@vcs/transport/internal";
import { join } from "node:path";
import { type MediaSource, type PatchStreamConfig, REFERENCE } from "../config.ts";
import { resolvePatchConfig } from "../config/fields.ts";
import { withoutEffect } from "../config/without_effect.ts";
import { bothStages, sayIgnored } from "./old_lines.ts";
import { distinctStems, videoName } from "../output/video_name.ts";
import type { PatchStreamResult } from "../session.ts";
import {
  FIELDS,
  fieldsAmong,
  type KEEP,
  type STREAM,
  type StreamOptions,
  type VIDEOS,
} from "./options.ts";

type Config = Omit<PatchStreamConfig, "videoPath">;

/** What the command line asks for. */
interface Request extends Pick<StreamOptions, "outDir" | "format" | "view" | "viewPng" | "json"> {
  readonly videos: readonly string[];
  /** Where each is read from. */
  readonly sources: readonly MediaSource[];
  /** Name of each video's files, without extension; no two are the same. */
  readonly names: readonly string[];
  readonly config: Config;
}

/** Runs `patch-stream`: the exit code is 1 where a video failed. */
export async function stream(
  { options, operands: { videos }, signal }: Invocation<typeof STREAM, typeof VIDEOS>,
): Promise<number> {
  const { concurrency } = options;
  const config = configOf(options);
  checkConfig(config);
  sayIgnored(options);
  for (const line of withoutEffect(config)) say(`note: ${line}`);
  const sources = await sourcesOf(videos);
  const request = { ...options, config, videos, sources, names: distinctStems(videos.map(shown)) };
  const { patchStreamAll } = await import("../patch_stream_all.ts");
  await Deno.mkdir(options.outDir, { recursive: true });
  using progress = new ProgressLine();
  let failed = 0;
  const all = {
    ...config,
    concurrency,
    signal,
    profile: options.json || options.profile,
    onProgress: (done: number, all: number) =>
      progress.update(
        concurrency === 1 ? `decoded ${done} of ${all} frames` : "working on several videos",
      ),
  };
  for await (const { index, session, error } of patchStreamAll(sources, all)) {
    if (session) {
      using _ = session;
      await finish(request, index, session.collect(), progress);
    } else {
      signal.throwIfAborted();
      progress[Symbol.dispose]();
      failed++;
      if (options.json) print(JSON.stringify({ video: videos[index], error: errorLine(error) }));
      say(`patch-stream: ${videos[index]}: ${errorLine(error)}`);
    }
  }
  return failed > 0 ? 1 : 0;
}

/** `-` is what comes on stdin, read whole: a page reads it again. */
async function sourcesOf(videos: readonly string[]): Promise<MediaSource[]> {
  if (videos.filter((video) => video === "-").length > 1) {
    throw new UsageError("Cannot read videos: - stands there twice, stdin can be read once");
  }
  const piped = videos.includes("-") && new Uint8Array(
    await new Response(Deno.stdin.readable).arrayBuffer(),
  );
  return videos.map((video) => video === "-" && piped ? piped : video);
}

/** What files are named after. */
function shown(video: string): string {
  return video === "-" ? "stdin" : video;
}

/** The fields among the options; what is given wins over `--reference`. */
export function configOf(options: Pick<StreamOptions, keyof typeof KEEP>): Config {
  const { reference, rotate, noRotate } = options;
  return {
    ...(reference && REFERENCE),
    ...bothStages(options),
    ...fieldsAmong(options, FIELDS),
    rotate: !noRotate && (rotate || !reference),
  };
}

/** Says of fields that contradict each other that the command line is wrong. */
export function checkConfig(config: Config): void {
  try {
    resolvePatchConfig({ ...config, videoPath: "-" });
  } catch (error) {
    throw new UsageError(errorLine(error), { cause: error });
  }
}

/** Writes the files of one video, and reports it. */
async function finish(
  request: Request,
  index: number,
  result: PatchStreamResult,
  progress: ProgressLine,
): Promise<void> {
  const base = join(request.outDir, request.names[index]!);
  const files: { patches?: string; page?: string; pictures?: string[] } = {};
  if (request.format !== "none") {
    files.patches = `${base}.${request.format}`;
    const { encodeResult } = await import("../output/save.ts");
    const bytes = await encodeResult(result, request.format);
    await writeWhole(files.patches, bytes, { inputs: request.videos });
  }
  if (request.view) {
    files.page = `${base}.html`;
    progress.update("making the page");
    const { renderView } = await import("../page/render_view.ts");
    const title = videoName(shown(request.videos[index]!));
    const video = { title, source: request.sources[index]! };
    const page = await renderView(result, video, request.config);
    await writeWhole(files.page, page, { inputs: request.videos });
  }
  if (request.viewPng) files.pictures = await writePictures(request, result, base);
  progress[Symbol.dispose]();
  report(request, index, result, files);
}

/** Writes a picture of each sampled frame, and gives their paths. */
async function writePictures(
  { videos }: Request,
  result: PatchStreamResult,
  base: string,
): Promise<string[]> {
  const { keptPictures } = await import("../page/pictures.ts");
  const { encodePng } = await import("@vcs/media/image");
  const digits = String(result.sampledFrameIds.length - 1).length;
  return await Promise.all(
    keptPictures(result).map(async (picture, position) => {
      const path = `${base}-${String(position).padStart(digits, "0")}.png`;
      await writeWhole(path, await encodePng(picture), { inputs: videos });
      return path;
    }),
  );
}

/** One line for people, or one of JSON for machines. */
function report(
  request: Request,
  index: number,
  result: PatchStreamResult,
  files: { patches?: string; page?: string; pictures?: string[] },
): void {
  const { sampledFrameIds, grid, scores, scoreMap, patches } = result;
  const video = request.videos[index]!;
  if (request.json) {
    const { pts, fps, durationSec, width, height, rotation, replaced, timings } = result;
    const described = { width, height, rotation, fps, durationSec, replaced };
    const kept = { shape: patches.shape, dtype: patches.dtype, grid };
    print(
      JSON.stringify({ video, ...described, sampledFrameIds, pts, ...kept, ...files, timings }),
    );
    return;
  }
  const size = `${sampledFrameIds.length} frames of ${grid.gridW} by ${grid.gridH} patches`;
  say(`${video}: kept ${scores.data.length} of ${scoreMap.data.length} patches (${size})`);
  for (const file of Object.values(files).flat()) say(`  ${file}`);
  if (request.config.profile) {
    const stages = Object.entries(result.timings ?? {}).map(([stage, ms]) =>
      `${stage} ${ms.toFixed(0)}`
    );
    say(`  milliseconds: ${stages.join(", ")}`);
  }
  for (const { frame, by, reason } of result.replaced) {
    say(`  frame ${frame} is ${reason}, ${by === undefined ? "skipped" : `shown by ${by}`}`);
  }
}
