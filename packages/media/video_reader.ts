/**
 * Reads video frame by frame, exactly: every frame is known by its number in presentation order,
 * and the decoder's own timestamps are checked against the index on the way.
 *
 * @example Three frames of a video, wherever they are
 * ```ts
 * import { VideoReader } from "@vcs/media/video_reader";
 * import { VideoWriter } from "@vcs/media/video_writer";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".mp4" });
 * const writer = await VideoWriter.open(path, { width: 64, height: 48, fps: 25 });
 * for (let i = 0; i < 50; i++) await writer.add({ data: new Uint8Array(64 * 48 * 3).fill(i) });
 * await writer.close();
 *
 * await using video = await VideoReader.open(path);
 * const times: number[] = [];
 * for await (const frame of video.framesAt([0, 40, 20])) times.push(frame.pts);
 * assert.deepEqual(times, [0, 1.6, 0.8]);
 * await Deno.remove(path);
 * ```
 *
 * @module
 */
import type { Backend } from "./ffmpeg/backend.ts";
import { chooseBackend } from "./ffmpeg/backends.ts";
import { MediaError } from "./errors.ts";
import { type Feed, FrameSupply } from "./decode/frame_supply.ts";
import { batchesOf, ListOrder } from "./decode/list_order.ts";
import { type LocalSource, type MediaSource, naming, openSource } from "./decode/media_source.ts";
import { defined } from "@vcs/transport/portable";
import type { ReceivedBytes } from "./remote/remote_source.ts";
import type { MotionVectors } from "./decode/motion_vectors.ts";
import {
  framesBetween,
  type IndexedFrame,
  lastAtMost,
  planStretches,
  type VideoIndex,
} from "./decode/video_index.ts";
import { type IndexedVideo, infoOf, inspectVideo, requestFor } from "./decode/video_opening.ts";
import {
  type ResolvedOptions,
  resolveOptions,
  type VideoReaderOptions,
} from "./decode/video_options.ts";
import type {
  FrameMotion,
  FrameRangeOptions,
  FramesOptions,
  Replacement,
  VideoFrame,
  VideoInfo,
} from "./decode/video_types.ts";

export { canDecodeOn } from "./ffmpeg/backends.ts";
export { pathOf } from "./decode/media_source.ts";
export {
  type LiveEvent,
  type LiveFrame,
  type LiveInfo,
  type LiveOptions,
  type LiveStream,
  openLive,
} from "./live/live_frames.ts";
export type { ConnectionLost, ReconnectOptions } from "./live/reconnect.ts";
export type {
  FrameMotion,
  FrameRangeOptions,
  FramesOptions,
  IndexedFrame,
  MediaSource,
  MotionVectors,
  ReceivedBytes,
  Replacement,
  VideoFrame,
  VideoInfo,
  VideoReaderOptions,
};

/** Most bytes of frames held while a list is delivered in an order that is not ascending. */
const HELD_BYTES = 512 * 2 ** 20;

/** Fewest frames planned together, however large they are. */
const HELD_FRAMES = 16;

/**
 * A video that is open for reading.
 */
export class VideoReader implements AsyncDisposable {
  readonly #source: LocalSource;
  readonly #backend: Backend;
  readonly #index: VideoIndex;
  readonly #supply: FrameSupply;
  #queue: Promise<unknown> = Promise.resolve();
  #single: Feed | undefined;
  #times: Float64Array | undefined;

  /** What is known of the video. */
  readonly info: VideoInfo;

  private constructor(
    source: LocalSource,
    backend: Backend,
    options: ResolvedOptions,
    { inspection, index }: IndexedVideo,
  ) {
    this.#source = source;
    this.#backend = backend;
    this.#index = index;
    this.info = infoOf(inspection.facts, index, options, backend);
    const { path, mirror } = source;
    const request = { ...requestFor(path, inspection.facts, options), mirror };
    this.#supply = new FrameSupply(backend, request, index, this.info, options.onError);
  }

  /**
   * Opens a video: reads its header and lists its frames.
   *
   * @param source path, URL, bytes of a file, or a stream of them; all but paths are kept in a
   * temporary file while the reader is open
   * @throws {TypeError} for an unknown word in the options or a source of no known kind
   * @throws {RangeError} for an option out of range
   * @throws {Deno.errors.NotFound} where there is no such file
   * @throws {Deno.errors.IsADirectory} where the path is a directory
   * @throws {MediaError} `invalid-media`, `download-failed`, `no-video-stream`, `empty-video`,
   * `no-backend`, `limit`
   */
  static async open(source: MediaSource, options: VideoReaderOptions = {}): Promise<VideoReader> {
    const resolved = resolveOptions(options);
    const backend = await chooseBackend(resolved.backend);
    const ranges = backend.name === "node-av" && resolved.ranges;
    const whole = ranges === resolved.ranges ? undefined : "the ffmpeg programs read whole files";
    const local = await openSource(source, { ranges, whole, signal: options.signal });
    try {
      const found = await naming(local, inspectVideo(local, backend, resolved, options.signal));
      return new VideoReader(local, backend, resolved, found);
    } catch (error) {
      await local[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The presented frames in presentation order, edit lists applied. */
  get index(): readonly IndexedFrame[] {
    return this.#index.frames;
  }

  /** What came over the network so far; undefined for sources that are here. */
  get received(): ReceivedBytes | undefined {
    const received = this.#source.received?.();
    if (received === undefined || received.whole !== undefined) return received;
    return { ...received, ...defined({ countedAt: this.#index.countedAt }) };
  }

  /** Frames that could not be delivered exactly, in the order of their numbers. */
  get replaced(): readonly Replacement[] {
    return this.#supply.replaced;
  }

  /**
   * Number of the frame that is shown at a time.
   *
   * @param seconds from the first frame's pts to the last frame's end
   * @throws {RangeError} for a time outside
   */
  indexShownAt(seconds: number): number {
    const frames = this.index;
    const [first, last] = [frames[0]!, frames.at(-1)!];
    const end = last.pts + last.duration;
    if (!(seconds >= first.pts && (seconds < end || seconds === last.pts))) {
      throw new RangeError(
        `Cannot find the frame at ${seconds} s: the video is shown from ${first.pts} to ${end} s`,
      );
    }
    this.#times ??= Float64Array.from(frames, (frame) => frame.pts);
    return lastAtMost(this.#times, seconds);
  }

  /**
   * The frames that are shown from one time on and before another: `start` and `end` of
   * {@linkcode VideoReader.frames}.
   *
   * @throws {RangeError} where there are none
   */
  rangeBetween(
    { from, to }: { readonly from?: number | undefined; readonly to?: number | undefined },
  ): { start: number; end: number } {
    return framesBetween(this.index.map(({ pts }) => pts), from, to);
  }

  /** The frame that is shown at a time; see {@linkcode VideoReader.indexShownAt}. */
  frameShownAt(seconds: number): Promise<VideoFrame> {
    return this.frameAt(this.indexShownAt(seconds));
  }

  /**
   * One frame. The decoder stays where it is afterwards, so that asking for the next ones is cheap.
   *
   * @throws {RangeError} for a number that no frame has
   * @throws {MediaError} `decode-failed`, `no-device`, `closed`
   */
  frameAt(id: number): Promise<VideoFrame> {
    const result = this.#queue.then(() => this.#frameAt(id));
    this.#queue = result.catch(() => {});
    return result;
  }

  async #frameAt(id: number): Promise<VideoFrame> {
    this.#checkOpen();
    this.#checkId(id);
    const { seekCost } = this.#backend;
    const position = this.#backend.name === "ffmpeg" ? undefined : this.#single?.position;
    const [stretch] = planStretches(this.#index, [id], position, seekCost);
    if (stretch!.from !== undefined || this.#single === undefined) {
      await this.#single?.[Symbol.asyncDispose]();
      this.#single = await this.#supply.start(stretch!.from ?? -1, [id], {}, false);
    }
    const frame = await this.#single.take(id);
    if (frame !== undefined) return frame;
    throw this.#supply.failure(id, "missing");
  }

  /**
   * Frames of a range, in presentation order. Leaving the loop frees the decoder.
   *
   * @throws {RangeError} for a range that is not within the video
   */
  frames(options: FrameRangeOptions = {}): AsyncIterableIterator<VideoFrame> {
    const { start = 0, end = this.index.length } = options;
    const count = this.index.length;
    const isRange = Number.isSafeInteger(start) && Number.isSafeInteger(end) &&
      0 <= start && start <= end && end <= count;
    if (!isRange) {
      throw new RangeError(
        `Cannot read frames ${start} to ${end}: the video has frames 0 to ${count}, end not included`,
      );
    }
    const ids = Array.from({ length: end - start }, (_, i) => start + i);
    return this.#ascending(ids, options);
  }

  /**
   * Frames by number, in the order asked for. Each one is decoded once, a frame that is asked for
   * again is copied. Leaving the loop frees the decoder. Ascending lists take no memory; others
   * are decoded in batches of up to 512 MiB of frames.
   *
   * @throws {RangeError} for a number that no frame has
   */
  framesAt(ids: Iterable<number>, options: FramesOptions = {}): AsyncIterableIterator<VideoFrame> {
    const list = [...ids];
    for (const id of list) this.#checkId(id);
    const ascending = list.every((id, i) => i === 0 || list[i - 1]! < id);
    return ascending ? this.#ascending(list, options) : this.#batches(list, options);
  }

  /** Delivers a list of any order in batches whose frames fit in memory. */
  async *#batches(list: number[], options: FramesOptions): AsyncIterableIterator<VideoFrame> {
    const { width, height } = this.info;
    const size = Math.max(HELD_FRAMES, Math.floor(HELD_BYTES / (width * height * 3)));
    for (const batch of batchesOf(list, size)) yield* this.#reorder(batch, options);
  }

  /** Decodes ascending and delivers in the order of the list, holding what comes too early. */
  async *#reorder(list: number[], options: FramesOptions): AsyncIterableIterator<VideoFrame> {
    const order = new ListOrder(list);
    const own = { ...options, lend: false };
    for await (const frame of this.#ascending(order.ascending, own)) yield* order.add(frame);
    yield* order.rest();
  }

  /** Delivers frames in ascending order, by the plan. */
  async *#ascending(ids: number[], options: FramesOptions): AsyncIterableIterator<VideoFrame> {
    this.#checkOpen();
    const linear = options.linear || options.motion !== undefined;
    const seekCost = linear ? Infinity : this.#backend.seekCost;
    let lent: VideoFrame["data"] | undefined;
    for (const { from, frames } of planStretches(this.#index, ids, undefined, seekCost)) {
      const sparse = this.#index.sparse && !linear;
      await using feed = await this.#supply.start(from ?? -1, frames, options, sparse);
      for (const id of frames) {
        const frame = await feed.take(id, lent);
        if (this.#supply.closed) return;
        if (options.lend) lent = frame?.data ?? lent;
        if (frame !== undefined) yield frame;
      }
    }
  }

  #checkOpen(): void {
    if (this.#supply.closed) {
      throw new MediaError("closed", "Cannot read video: the reader is closed");
    }
  }

  #checkId(id: number): void {
    if (Number.isSafeInteger(id) && id >= 0 && id < this.index.length) return;
    throw new RangeError(
      `Cannot read frame ${id}: the video has frames 0 to ${this.index.length - 1}`,
    );
  }

  /** Frees decoders and temporary files; loops over frames end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supply[Symbol.asyncDispose]();
    await this.#source[Symbol.asyncDispose]();
  }
}
