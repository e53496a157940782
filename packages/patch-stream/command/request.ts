/**
 * What the command line asks for, and the files that come of one video.
 *
 * @module
 */
import { join } from "node:path";
import { shownSource } from "@vcs/media/internal";
import { print, type ProgressLine, say, writeWhole } from "@vcs/transport/internal";
import type { MediaSource, PatchStreamConfig } from "../config.ts";
import type { ReceivedBytes } from "@vcs/media/video_reader";
import { videoName } from "../output/video_name.ts";
import type { PatchStreamResult } from "../session.ts";
import type { StreamOptions } from "./options.ts";

/** A configuration without its video. */
export type Config = Omit<PatchStreamConfig, "videoPath">;

/** What the command line asks for. */
export interface Request
  extends Pick<StreamOptions, "outDir" | "format" | "view" | "viewPng" | "viewWebp" | "json"> {
  readonly videos: readonly string[];
  /** Where each is read from. */
  readonly sources: readonly MediaSource[];
  /** Name of each video's files, without extension; no two are the same. */
  readonly names: readonly string[];
  readonly config: Config;
}

/** Paths of the files that came of a video. */
interface Files {
  patches?: string;
  page?: string;
  pictures?: string[];
  animation?: string;
}

/** What files are named after. */
export function shown(video: string): string {
  return video === "-" ? "stdin" : shownSource(video);
}

/** Writes the files of one video, and reports it. */
export async function finish(
  request: Request,
  index: number,
  result: PatchStreamResult,
  progress: ProgressLine,
): Promise<void> {
  const base = join(request.outDir, request.names[index]!);
  const files: Files = {};
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
  if (request.viewWebp) files.animation = await writeAnimation(request, result, base);
  progress[Symbol.dispose]();
  report(request, index, result, files);
}

/** Writes the frames beside what was kept of them, and gives the path. */
async function writeAnimation(
  { videos }: Request,
  result: PatchStreamResult,
  base: string,
): Promise<string> {
  const { besideFrames, keptPictures } = await import("../page/pictures.ts");
  const { encodeWebp } = await import("@vcs/media/image");
  const path = `${base}.webp`;
  const bytes = await encodeWebp(besideFrames(result, keptPictures(result)));
  await writeWhole(path, bytes, { inputs: videos });
  return path;
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

/** What came over the network, in words. */
function receivedLine({ bytes, of, requests, whole, countedAt }: ReceivedBytes): string {
  const counted = countedAt === undefined
    ? ""
    : `; the file lists key frames only, others were counted at ${+countedAt.toFixed(3)} a second`;
  const why = whole === undefined ? counted : `: ${whole}`;
  const share = (100 * bytes / Math.max(1, of)).toFixed(1);
  return `read ${bytes} of ${of} bytes (${share} %) in ${requests} requests${why}`;
}

/** One line for people, or one of JSON for machines. */
function report(
  request: Request,
  index: number,
  result: PatchStreamResult,
  files: Files,
): void {
  const { sampledFrameIds, grid, scores, scoreMap, patches } = result;
  const video = request.videos[index]!;
  if (request.json) {
    const { pts, fps, durationSec, width, height, rotation, replaced, timings } = result;
    const { decodedOn, processedOn } = result;
    const places = { decodedOn, processedOn };
    const described = { width, height, rotation, fps, durationSec, ...places, replaced };
    const { received } = result;
    const kept = { shape: patches.shape, dtype: patches.dtype, grid };
    print(
      JSON.stringify({
        video,
        ...described,
        sampledFrameIds,
        pts,
        ...kept,
        ...files,
        received,
        timings,
      }),
    );
    return;
  }
  const size = `${sampledFrameIds.length} frames of ${grid.gridW} by ${grid.gridH} patches`;
  say(`${video}: kept ${scores.data.length} of ${scoreMap.data.length} patches (${size})`);
  for (const file of Object.values(files).flat()) say(`  ${file}`);
  if (result.received) say(`  ${receivedLine(result.received)}`);
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
