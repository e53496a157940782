/**
 * A video that is open for sampling: which frames are wanted, and a way to each of them.
 *
 * @module
 */
import {
  type FrameMotion,
  type FramesOptions,
  type ReceivedBytes,
  type Replacement,
  type VideoFrame,
  type VideoInfo,
  VideoReader,
  type VideoReaderOptions,
} from "@vcs/media/video_reader";
import { defined } from "@vcs/transport/internal";
import type { DecodeConfig } from "../config.ts";
import type { Resolved } from "../config/fields.ts";
import type { StageTimings } from "../process/stopwatch.ts";
import { sampleByIndex, sampleByTime } from "./sampling.ts";

/** What is known of the sampled frames of a video. */
export interface SampledFrames {
  /** Number of the frame at each position of the sequence; frames of short videos repeat. */
  readonly sampledFrameIds: readonly number[];
  /** When each sampled frame is shown, in seconds from the start of the container. */
  readonly pts: readonly number[];
  /** Frames per second on average, by the index. */
  readonly fps: number;
  /** Length of the video in seconds. */
  readonly durationSec: number;
  /** Width of the video's frames in pixels, upright. */
  readonly width: number;
  /** Height of the video's frames in pixels, upright. */
  readonly height: number;
  /** Clockwise turn in degrees that the container asks for. */
  readonly rotation: number;
  /** Where frames were decoded: `cpu` or `cuda:N`. */
  readonly decodedOn: string;
  /** Frames that could not be delivered exactly, with `onError` other than `throw`. */
  readonly replaced: readonly Replacement[];
  /** What came over the network, where the video is on a server or in a bucket. */
  readonly received?: ReceivedBytes;
  /** How long each stage took in milliseconds, where `profile` was set. */
  readonly timings?: StageTimings;
}

/** Frames of a sampled video, delivered in ascending order, each once. */
export interface FrameDelivery {
  /** Called with every frame's motion from the first sample on; decodes all frames between. */
  motion?: (motion: FrameMotion) => void;
  /** Whether the pixels of a frame are good only until the next one is asked for. Default: false. */
  lend?: boolean;
}

/** Options of the reader. */
export function readerOptions(config: Resolved<DecodeConfig>): VideoReaderOptions {
  const { decodeBackend, decodeDeviceId, decodeThreads, decodeThreadType } = config;
  return {
    device: decodeBackend === "gpu" ? `cuda:${decodeDeviceId}` : "cpu",
    threads: decodeThreads,
    threadType: decodeThreadType,
    color: config.color,
    hdr: config.hdr,
    rotate: config.rotate,
    onError: config.onError,
    indexCacheSize: config.readerCacheSize,
    ...defined({ signal: config.signal, stream: config.streamIndex }),
  };
}

/** An open video with the numbers of the frames to look at. */
export class SampledVideo {
  readonly #reader: VideoReader;
  readonly #config: Resolved<DecodeConfig>;
  /** Number of the frame at each position of the sequence. */
  readonly ids: readonly number[];

  /** Plans the samples of an open reader. */
  constructor(reader: VideoReader, config: Resolved<DecodeConfig>) {
    this.#reader = reader;
    this.#config = config;
    const times = reader.index.map((frame) => frame.pts);
    const { start, end } = reader.rangeBetween(config);
    const ids = config.sampling === "time"
      ? sampleByTime(times.slice(start, end), config.sequenceLength)
      : sampleByIndex(end - start, config.sequenceLength, config.indexRule);
    this.ids = ids.map((id) => start + id);
  }

  /**
   * Opens the video of a configuration.
   *
   * @param isSparse whether nothing but the sampled frames is looked at, so that others need not be fetched
   */
  static async open(config: Resolved<DecodeConfig>, isSparse: boolean): Promise<VideoReader> {
    const ranges = isSparse && config.uniformStrategy !== "stream" ? "rate" : false;
    return await VideoReader.open(config.videoPath, { ...readerOptions(config), ranges });
  }

  /** What is known of the video. */
  get info(): VideoInfo {
    return this.#reader.info;
  }

  /** Where frames are decoded: `cpu` or `cuda:N`. */
  get device(): string {
    return readerOptions(this.#config).device!;
  }

  /** The presented frames. */
  get index(): VideoReader["index"] {
    return this.#reader.index;
  }

  /** Frames that could not be delivered exactly so far. */
  get replaced(): readonly Replacement[] {
    return this.#reader.replaced;
  }

  /** What came over the network so far. */
  get received(): ReceivedBytes | undefined {
    return this.#reader.received;
  }

  /** Whether each sampled frame counts as a key frame: the first one does where none is. */
  keyFlags(ids: readonly number[]): boolean[] {
    const flags = ids.map((id) => this.#reader.index[id]!.keyframe);
    if (flags.length > 0 && !flags.includes(true)) flags[0] = true;
    return flags;
  }

  /** The distinct sampled frames, ascending, by the strategy of the configuration. */
  frames({ motion, lend }: FrameDelivery = {}): AsyncIterable<VideoFrame> {
    const distinct = [...new Set(this.ids)];
    const { signal } = this.#config;
    const options: FramesOptions = defined({ signal, motion, lend });
    const strategy = motion ? "auto" : this.#strategy();
    if (strategy === "seek") return this.#seekEach(distinct, options);
    options.linear = strategy === "stream";
    return this.#reader.framesAt(distinct, options);
  }

  #strategy(): "auto" | "seek" | "stream" {
    const { uniformStrategy, uniformAutoRatio, sequenceLength } = this.#config;
    if (uniformStrategy !== "auto" || uniformAutoRatio === undefined) return uniformStrategy;
    return this.index.length <= sequenceLength * uniformAutoRatio ? "stream" : "seek";
  }

  async *#seekEach(ids: readonly number[], options: FramesOptions): AsyncIterable<VideoFrame> {
    for (const id of ids) yield* this.#reader.framesAt([id], options);
  }
}

/** What results report of a video and its samples. */
export function describeSamples(video: SampledVideo, ids: readonly number[]): SampledFrames {
  const { fps, duration, width, height, rotation } = video.info;
  return {
    sampledFrameIds: ids,
    pts: ids.map((id) => video.index[id]!.pts),
    fps,
    durationSec: duration,
    width,
    height,
    rotation,
    decodedOn: video.device,
    replaced: video.replaced,
    ...defined({ received: video.received }),
  };
}
