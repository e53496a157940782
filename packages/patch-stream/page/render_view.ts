/**
 * Makes the page of a result; reads the sampled frames once more, at the size of a screen.
 *
 * @module
 */
import { encodeJpeg } from "@vcs/media/image";
import { VideoReader } from "@vcs/media/video_reader";
import type { MediaSource, PatchStreamConfig } from "../config.ts";
import { resolvePatchConfig } from "../config/fields.ts";
import { readerOptions } from "../sampling/sampled_video.ts";
import type { PatchStreamResult } from "../session.ts";
import { viewPage } from "./view.ts";

/** Widest image in pixels, and how many of that size a page may hold before they get smaller. */
const WIDEST = 960;
const MOST_WIDE = 32;

/**
 * Makes the page.
 *
 * @param result what was kept
 * @param video its name, and where it is read from
 * @param config the settings that it was made with
 */
export async function renderView(
  result: PatchStreamResult,
  { title, source }: { readonly title: string; readonly source: MediaSource },
  config: Omit<PatchStreamConfig, "videoPath">,
): Promise<string> {
  const resolved = resolvePatchConfig({ ...config, videoPath: source });
  const { kKeep, keepEnergy, energy, selectionUnit, sampling } = resolved;
  const limit = keepEnergy === undefined
    ? `no more than ${kKeep} patches`
    : `${100 * keepEnergy} % of it kept in patches`;
  const units = selectionUnit === "patch" ? "" : " in blocks of 2 by 2";
  return viewPage(result, {
    title,
    settings: `${energy} energy, ${limit}${units}, ` +
      `sampled uniformly by ${sampling}`,
    images: await readImages(result, source, readerOptions(resolved)),
  });
}

async function readImages(
  { sampledFrameIds, width, height }: PatchStreamResult,
  source: MediaSource,
  options: ReturnType<typeof readerOptions>,
): Promise<Uint8Array[]> {
  const distinct = [...new Set(sampledFrameIds)];
  const widest = distinct.length > MOST_WIDE ? WIDEST / 2 : WIDEST;
  const scale = Math.min(1, widest / width);
  const size = { width: Math.ceil(width * scale), height: Math.ceil(height * scale) };
  await using reader = await VideoReader.open(source, { ...options, size });
  const images = new Map<number, Uint8Array>();
  for await (const frame of reader.framesAt(distinct)) {
    images.set(frame.index, await encodeJpeg(frame, { quality: 82 }));
  }
  return sampledFrameIds.map((id) => images.get(id)!);
}
