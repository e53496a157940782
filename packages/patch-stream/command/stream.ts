/**
 * `patch-stream <video…>`: videos in, files with patches out.
 *
 * @module
 */
import {
  abortable,
  errorLine,
  type Invocation,
  print,
  ProgressLine,
  say,
  UsageError,
} from "@vcs/transport/internal";
import { sourceKind } from "@vcs/media/internal";
import { type MediaSource, REFERENCE } from "../config.ts";
import { resolvePatchConfig } from "../config/fields.ts";
import { withoutEffect } from "../config/without_effect.ts";
import { bothStages, sayIgnored } from "./old_lines.ts";
import { distinctStems } from "../output/video_name.ts";
import { type Config, finish, shown } from "./request.ts";
import {
  FIELDS,
  fieldsAmong,
  type KEEP,
  type STREAM,
  type StreamOptions,
  type VIDEOS,
} from "./options.ts";

/** Runs `patch-stream`: the exit code is 1 where a video failed. */
export async function stream(
  { options, operands: { videos }, signal }: Invocation<typeof STREAM, typeof VIDEOS>,
): Promise<number> {
  const { concurrency } = options;
  const config = configOf(options);
  checkConfig(config);
  sayIgnored(options);
  for (const line of withoutEffect(config)) say(`note: ${line}`);
  const isLive = hasLive(videos);
  const sources = await sourcesOf(videos, signal);
  const request = { ...options, config, videos, sources, names: distinctStems(videos.map(shown)) };
  await Deno.mkdir(options.outDir, { recursive: true });
  if (isLive) {
    await (await import("./live.ts")).streamLive(request, options.windows, signal);
    return 0;
  }
  const { patchStreamAll } = await import("../patch_stream_all.ts");
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

/**
 * Whether the video is a live source, which has no end and so stands alone.
 *
 * @throws {UsageError} beside others, and for an unknown scheme
 */
function hasLive(videos: readonly string[]): boolean {
  const isLive = videos.some((video) => sourceKind(video) === "live");
  if (!isLive || videos.length === 1) return isLive;
  throw new UsageError(
    `Cannot read videos: found a live source among ${videos.length}, expected it alone`,
  );
}

/** `-` is what comes on stdin, read whole: a page reads it again. */
async function sourcesOf(videos: readonly string[], signal: AbortSignal): Promise<MediaSource[]> {
  if (videos.filter((video) => video === "-").length > 1) {
    throw new UsageError("Cannot read videos: - stands there twice, stdin can be read once");
  }
  const piped = videos.includes("-") && new Uint8Array(
    await abortable(new Response(Deno.stdin.readable).arrayBuffer(), signal),
  );
  return videos.map((video) => video === "-" && piped ? piped : video);
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
