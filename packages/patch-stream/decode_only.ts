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
import { settleDecoding } from "./config/settle.ts";
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
  const resolved = await settleDecoding(resolveDecodeConfig(config));
  const watch = new Stopwatch();
  await using reader = await SampledVideo.open(resolved, true);
  const video = new SampledVideo(reader, resolved);
  watch.lap("open");
  const { width, height } = video.info;
  const all = tensor("U8", [video.ids.length, height, width, 3]);
  const size = 3 * width * height;
  const ids: number[] = [];
  let delivered = 0;
  for await (const frame of video.frames({ lend: true })) {
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

/** A sampled frame on its way. */
export interface StreamedFrame {
  /** Position in the sequence, from 0. */
  readonly position: number;
  /** Number of the frame in the video. */
  readonly frameId: number;
  /** When it is shown, in seconds from the start of the container. */
  readonly pts: number;
  /** Pixels, RGB of 8 bits, [height, width, 3]; frames that repeat share them. */
  readonly frame: Tensor<"U8">;
}

/** Sampled frames that are decoded as they are taken; leaving the loop frees the decoder. */
export interface FrameStream extends AsyncIterable<StreamedFrame>, AsyncDisposable {
  /** Shape that {@linkcode decodeOnly} would give: [T, height, width, 3]. */
  readonly shape: readonly [number, number, number, number];
  /** Bytes that all frames take together; one at a time is a T-th of it. */
  readonly byteLength: number;
  /** What is known of the samples before any is decoded. */
  readonly samples: SampledFrames;
}

/**
 * Opens a video for its uniformly sampled frames, one after the other, in place of all at once.
 *
 * @throws {RangeError} for a number out of range, before anything is opened
 * @throws {TypeError} for an unknown word or field, before anything is opened
 * @throws {Deno.errors.NotFound} where there is no such file
 * @throws {MediaError} where the video or, later, a frame cannot be read; see its `code`
 */
export async function openFrames(config: DecodeConfig): Promise<FrameStream> {
  const resolved = await settleDecoding(resolveDecodeConfig(config));
  const reader = await SampledVideo.open(resolved, true);
  const video = new SampledVideo(reader, resolved);
  const { width, height } = video.info;
  const { ids } = video;
  return {
    shape: [ids.length, height, width, 3],
    byteLength: ids.length * height * width * 3,
    samples: describeSamples(video, ids),
    [Symbol.asyncIterator]: () => streamedFrames(video),
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}

async function* streamedFrames(video: SampledVideo): AsyncGenerator<StreamedFrame> {
  for await (const { index: frameId, pts, width, height, data } of video.frames()) {
    const frame = tensor("U8", [height, width, 3], data);
    for (const [position, id] of video.ids.entries()) {
      if (id === frameId) yield { position, frameId, pts, frame };
    }
  }
}
