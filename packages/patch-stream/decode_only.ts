/**
 * Uniformly sampled frames of a video, at their own size.
 *
 * @example Sixteen frames of a video
 * ```ts ignore
 * import { decodeOnly } from "@vcs/patch-stream/decode_only";
 *
 * const { frames, pts } = await decodeOnly({ videoPath: "clip.mp4", sequenceLength: 16 });
 * console.log(frames.shape, pts); // [16, height, width, 3], times in seconds
 * ```
 *
 * @module
 */
import type { Replacement } from "@vcs/media/video_reader";
import { type Tensor, tensor, tensorRows } from "@vcs/transport/tensor";
import type { DecodeConfig } from "./config.ts";
import { resolveDecodeConfig } from "./config/fields.ts";
import { reportProfile } from "./process/profile.ts";
import { type StageTimings, Stopwatch } from "./process/stopwatch.ts";
import { describeSamples, type SampledFrames, SampledVideo } from "./sampling/sampled_video.ts";

export type { Replacement, SampledFrames, StageTimings };

/** Sampled frames with their pixels. */
export interface DecodedFrames extends SampledFrames {
  /** Pixels, RGB of 8 bits, [T, height, width, 3]. */
  readonly frames: Tensor<"U8">;
}

/**
 * Decodes uniformly sampled frames of a video.
 *
 * @throws {RangeError} for a number out of range, before anything is opened
 * @throws {TypeError} for an unknown word or field, before anything is opened
 * @throws {Deno.errors.NotFound} where there is no such file
 * @throws {MediaError} where the video or a frame cannot be read; see its `code`
 */
export async function decodeOnly(config: DecodeConfig): Promise<DecodedFrames> {
  const resolved = resolveDecodeConfig(config);
  const watch = new Stopwatch();
  await using reader = await SampledVideo.open(resolved);
  const video = new SampledVideo(reader, resolved);
  watch.lap("open");
  const { width, height } = video.info;
  const all = tensor("U8", [video.ids.length, height, width, 3]);
  const size = 3 * width * height;
  const ids: number[] = [];
  let delivered = 0;
  for await (const frame of video.frames()) {
    if (delivered++ === 0) watch.timings.firstFrame = watch.sinceLap;
    resolved.onProgress?.(delivered, new Set(video.ids).size);
    for (const id of video.ids) {
      if (id === frame.index) all.data.set(frame.data, ids.push(id) * size - size);
    }
  }
  watch.lap("decode");
  const timings = watch.stop();
  const backend = video.info.backend;
  const samples = ids.length;
  reportProfile({ call: "decode_only", backend, samples, delivered, width, height }, timings);
  const frames = tensorRows(all, 0, samples);
  return { ...describeSamples(video, ids), frames, ...(resolved.profile && { timings }) };
}
