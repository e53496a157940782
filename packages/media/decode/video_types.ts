/**
 * What a video reader reports and delivers.
 *
 * @module
 */
import type { MotionVectors } from "./motion_vectors.ts";

/** A decoded frame. */
export interface VideoFrame {
  /** Number of the frame in presentation order, from 0. */
  readonly index: number;
  /** Presentation time in seconds from the start of the container. */
  readonly pts: number;
  /** Time that the frame is shown for, in seconds. */
  readonly duration: number;
  /** Width in pixels: that of the video; with `pixels: "native"`, of this frame as it is stored. */
  readonly width: number;
  /** Height in pixels, likewise. */
  readonly height: number;
  /** RGB, shape [height, width, 3]; or the stored planes with `pixels: "native"`. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether it is a key frame. */
  readonly keyframe: boolean;
}

/** What is known of a video once it is open. */
export interface VideoInfo {
  /** Codec name as FFmpeg has it, as "h264". */
  readonly codec: string;
  /** Short name of the container format, as "matroska,webm". */
  readonly container: string;
  /** Index of the stream in the container. */
  readonly stream: number;
  /** Stored pixel format as FFmpeg names it; undefined where no frame shows it. */
  readonly pixelFormat: string | undefined;
  /** Width of the stored frame. */
  readonly codedWidth: number;
  /** Height of the stored frame. */
  readonly codedHeight: number;
  /** Width of delivered frames: turned upright and resized as the options say. */
  readonly width: number;
  /** Height of delivered frames. */
  readonly height: number;
  /** Clockwise turn that brings the stored frame upright, in degrees. */
  readonly rotation: 0 | 90 | 180 | 270;
  /** Whether the stored frame is mirrored: it is flipped upside down before that turn. */
  readonly mirrored: boolean;
  /** Width to height of one stored pixel, as [numerator, denominator]. */
  readonly sampleAspectRatio: readonly [number, number];
  /** Number of presented frames. */
  readonly frameCount: number;
  /** Number of frames that the container promises, 0 where it does not say. */
  readonly declaredFrames: number;
  /** Frames per second on average, from the index. */
  readonly fps: number;
  /** Seconds from the first frame's appearance to the last one's end. */
  readonly duration: number;
  /** Time that the container starts at, in seconds; every `pts` counts from here. */
  readonly startTime: number;
  /** Colour matrix tag ("bt709", …), or "unknown". */
  readonly colorMatrix: string;
  /** Matrix that RGB is made with: the tag's, or the nearest known; undefined for stored RGB. */
  readonly conversionMatrix: string | undefined;
  /** Transfer function tag ("bt709", "smpte2084" for PQ, "arib-std-b67" for HLG), or "unknown". */
  readonly colorTransfer: string;
  /** Whether frames were mapped from HDR to SDR. */
  readonly toneMapped: boolean;
  /** Whether transparency was put over black. */
  readonly flattened: boolean;
  /** Whether frames are the first fields of what is stored. */
  readonly deinterlaced: boolean;
  /** Which field of an interlaced frame is the first; "progressive" where none is told. */
  readonly fieldOrder: "top" | "bottom" | "progressive";
  /** Colour range tag ("tv" or "pc"), or "unknown". */
  readonly colorRange: string;
  /** Which FFmpeg reads it. */
  readonly backend: "node-av" | "ffmpeg";
}

/** A frame that could not be delivered exactly. */
export interface Replacement {
  /** The frame that was asked for. */
  readonly frame: number;
  /** The frame that was delivered: itself where the decoder concealed damage, undefined for none. */
  readonly by: number | undefined;
  /** What was wrong with it. */
  readonly reason: "damaged" | "missing";
}

/** Motion vectors of a frame. */
export interface FrameMotion {
  /** Number of the frame. */
  readonly index: number;
  /** Presentation time in seconds. */
  readonly pts: number;
  /** Whether it is a key frame; those have no vectors. */
  readonly keyframe: boolean;
  /** The vectors; none for codecs that do not export them (HEVC, VP9, AV1). */
  readonly vectors: MotionVectors;
}

/** Options of reading frames. */
export interface FramesOptions {
  /** Ends reading with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Called with the codec's motion vectors of every frame from the first one asked for to the
   * last, in presentation order. Decodes them all, as with `linear`.
   */
  motion?: (motion: FrameMotion) => void;
  /**
   * Decodes every frame from the first one asked for to the last, without seeking between them and
   * without leaving any out. Default: false, whichever way decodes fewer.
   */
  linear?: boolean;
  /**
   * Whether pixels are lent: the array of a frame is good until the next one is asked for, and is then
   * filled again; copy what is to be kept. Saves fresh memory for each frame, over node-av. Lists that do
   * not ascend give each frame memory of its own. Default: false.
   */
  lend?: boolean;
}

/** Options of reading a range of frames. */
export interface FrameRangeOptions extends FramesOptions {
  /** First frame. Default: 0. */
  start?: number;
  /** The frame after the last. Default: the number of frames. */
  end?: number;
}
