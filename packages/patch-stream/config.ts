/**
 * What can be asked of {@linkcode decodeOnly} and {@linkcode patchStream}.
 *
 * @example Results equal to codec-patch-stream's
 * ```ts
 * import { type PatchStreamConfig, REFERENCE } from "@vcs/patch-stream/config";
 *
 * const config: PatchStreamConfig = { videoPath: "clip.mp4", kKeep: 512, ...REFERENCE };
 * ```
 *
 * @module
 */
import type { MediaSource } from "@vcs/media/video_reader";
import type { EnergyMode } from "./process/process.ts";
import type { IndexRule } from "./sampling/sampling.ts";
import type { KeyFramePolicy, SelectionUnit } from "./select/select.ts";

export type { EnergyMode, IndexRule, KeyFramePolicy, MediaSource, SelectionUnit };

/** Where a stage runs. */
export type BackendName = "auto" | "cpu" | "gpu";

/** What patch values become: nothing, 0 to 1, CLIP's mean and deviation, or one's own. */
export type Normalization = "none" | "unit" | "clip" | {
  /** Mean of each channel on a scale of 0 to 1. */
  readonly mean: readonly [number, number, number];
  /** Standard deviation of each channel on a scale of 0 to 1. */
  readonly std: readonly [number, number, number];
};

/** What to decode, and how. */
export interface DecodeConfig {
  /** The video: a path, a URL, bytes of a file or a stream of them. */
  videoPath: MediaSource;
  /** Index of the video stream in the container. Default: the best one. */
  streamIndex?: number;
  /** Frames to sample, 1 to 100,000. Default: 16. */
  sequenceLength?: number;
  /**
   * Where to decode; `auto` is the GPU of `decodeDeviceId` where CUDA computes right there and FFmpeg
   * opens it, else the CPU, and the CPU for `codec` energy. Default: `auto`.
   */
  decodeBackend?: BackendName;
  /** Which GPU decodes. Default: 0. */
  decodeDeviceId?: number;
  /**
   * How sampled frames are reached: by seeking to each, by decoding all from the start, or by
   * whichever decodes fewer frames according to the index. Default: `auto`.
   */
  uniformStrategy?: "auto" | "seek" | "stream";
  /** Videos that a GPU decodes at once, in {@linkcode patchStreamAll}. Default: 2. */
  nvdecSessionPoolSize?: number;
  /**
   * With `uniformStrategy: "auto"`: decode from the start where the video has no more than this
   * many frames for each sample, else seek. Default: the index decides.
   */
  uniformAutoRatio?: number;
  /** Decoder threads; 0 is one per core. Default: 0. */
  decodeThreads?: number;
  /** What decoder threads share: frames, slices of one, or both. Default: `auto`. */
  decodeThreadType?: "auto" | "frame" | "slice";
  /** Files whose index this process caches; 0 caches none. Default: 8. */
  readerCacheSize?: number;
  /** Whether {@linkcode patchStreamAll} keeps a video open that comes again. Default: true. */
  nvdecReuseOpenDecoder?: boolean;
  /** How a position in the sequence becomes a frame number. Default: `exact`. */
  indexRule?: IndexRule;
  /** Time in seconds before which no frame is sampled. Default: the start. */
  from?: number;
  /** Time in seconds from which on no frame is sampled. Default: the end. */
  to?: number;
  /** Uniform in frame numbers or in time. Default: `index`. */
  sampling?: "index" | "time";
  /** Colours by the stream's tags, or BT.601 always as codec-patch-stream. Default: `tagged`. */
  color?: "tagged" | "reference";
  /** HDR (PQ, HLG) as it is stored, or mapped to colours for ordinary screens. Default: `keep`. */
  hdr?: "keep" | "sdr";
  /** Whether frames are turned upright. Default: true. */
  rotate?: boolean;
  /** What to do about a frame that cannot be decoded. Default: `throw`. */
  onError?: "throw" | "nearest" | "skip";
  /** Whether to measure how long each stage takes. Default: false. */
  profile?: boolean;
  /** Ends the work with the signal's reason. */
  signal?: AbortSignal;
  /** Called with the distinct frames decoded so far and those there will be. */
  onProgress?: (done: number, all: number) => void;
}

/** What to decode, and which patches to keep. */
export interface PatchStreamConfig extends DecodeConfig {
  /**
   * Where to process: `gpu` is CUDA or else WebGPU, `auto` CUDA where frames are decoded on a GPU and
   * it computes right, else the CPU. Default: `auto`.
   */
  processBackend?: BackendName;
  /** Which GPU processes. Default: 0. */
  processDeviceId?: number;
  /** Side of the square with as many pixels as frames are resized to. Default: 224. */
  inputSize?: number;
  /** Fewest pixels of a resized frame. Default: `inputSize` squared, or `maxPixels` if less. */
  minPixels?: number;
  /** Most pixels, before rounding. Default: `inputSize` squared, or `minPixels` if more. */
  maxPixels?: number;
  /** Side of a patch in pixels. Default: 14. */
  patchSize?: number;
  /** Patches to keep, 0 or more. Default: 2048. */
  kKeep?: number;
  /**
   * Keeps the best patches until they have this share of the clip's energy, 0 to 1, in place of a
   * number; `kKeep`, where it is given, too, is the most. Default: `kKeep` decides.
   */
  keepEnergy?: number;
  /**
   * Score below which a patch is not kept: the sum of energy over its pixels, 0 to `patchSize`
   * squared. Key frames' patches that come first need none. Default: 0.
   */
  minScore?: number;
  /** Patches of each sampled frame to keep at least, whatever their score. Default: 0. */
  minPerFrame?: number;
  /** Patches of each sampled frame to keep at most, of key frames too. Default: all. */
  maxPerFrame?: number;
  /** What is kept or dropped as one; for blocks `kKeep` is a multiple of 4. Default: `patch`. */
  selectionUnit?: SelectionUnit;
  /** Whether a still clip keeps whole frames in place of noise. Default: false. */
  staticFallback?: boolean;
  /** Change below which a clip is still, 0 to 1, or above 1 on a scale of 255. Default: 2. */
  staticAbsThresh?: number;
  /** Spread of change, relative to its 95th percentile, that is still. Default: 0.15. */
  staticRelThresh?: number;
  /** Frames kept of a still clip; 0 turns the fallback off. Default: 4. */
  staticUniformFrames?: number;
  /** Percentile that counts as full energy in `reference` mode, 1 to 100. Default: 95. */
  energyPct?: number;
  /** Element type of the patches. Default: `bfloat16`. */
  outputDtype?: "bfloat16" | "float16" | "float32";
  /** Decoded frames that may wait for the process stage. Default: 3. */
  prefetchDepth?: number;
  /** How energy is measured. Default: `blocksad`. */
  energy?: EnergyMode;
  /**
   * In `blocksad` mode: whether the camera's motion and changes of light are taken out before
   * frames are compared, and empty patches weigh little. Default: true.
   */
  compensate?: boolean;
  /** What key frames may claim of the budget. Default: `all`. */
  keyFrames?: KeyFramePolicy;
  /** Whether the resize averages all pixels that an output pixel covers. Default: false. */
  antialias?: boolean;
  /** What patch values become, `none` is 0 to 255. Default: `none`. */
  normalize?: Normalization;
  /**
   * Shape of a patch: `none` is [3, p, p]; `chw` the same in one row, as a convolution's weights
   * lie; `hwc` one row with the channels of a pixel together. Default: `none`.
   */
  flatten?: "none" | "chw" | "hwc";
  /** Threads that process; 1 is the calling thread, 0 as many as pay. Default: 0. */
  processThreads?: number;
}

/** The settings that make results equal to codec-patch-stream's, number for number. */
export const REFERENCE: {
  readonly energy: "reference";
  readonly color: "reference";
  readonly indexRule: "reference";
  readonly rotate: false;
} = { energy: "reference", color: "reference", indexRule: "reference", rotate: false };
