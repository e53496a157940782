/**
 * Frames to windows: 17 consecutive frames without overlap, each fitted to the network's size, with
 * the time of every frame. A tail policy says what becomes of the last frames of a clip that do not
 * fill a window.
 *
 * @module
 */
import { defined, wallTime } from "@vcs/transport/internal";
import { VideoVqError } from "../errors.ts";
import {
  type FitOptions,
  FrameFitter,
  type Picture,
  type RgbImage,
} from "../frames/frame_fitter.ts";

/** Frames of a full window. */
export const WINDOW_FRAMES = 17;

/** A frame with its time; `VideoFrame` of `@vcs/media` is one. */
export interface TimedFrame extends RgbImage {
  /** Presentation time in seconds. */
  readonly pts: number;
  /** How long it is shown, in seconds. */
  readonly duration: number;
  /** When it was captured, in milliseconds since 1970. Default: when it is collected. */
  readonly capturedAt?: number;
}

/** Consecutive frames of one size. */
export interface FrameWindow {
  /** Number of the window, from 0. */
  readonly sequence: number;
  /** Columns of a frame. */
  readonly width: number;
  /** Rows of a frame. */
  readonly height: number;
  /** Frames in `data`. */
  readonly frameCount: number;
  /** Frames at the start that are from the source; the rest pad the window. */
  readonly validFrames: number;
  /** RGB, [frameCount, height, width, 3]. */
  readonly data: Uint8Array;
  /** Presentation times of the valid frames in seconds, then the end of the last one. */
  readonly times: readonly number[];
  /** When the first frame was captured, in milliseconds since 1970. */
  readonly capturedAt: number;
  /** What a frame shows of its source. Default: all of it is the picture. */
  readonly picture?: Picture;
  /** Whether this is known to be the last window of its clip. */
  readonly last: boolean;
}

/**
 * What to do with the frames that remain at the end of a clip:
 *
 * - `pad` repeats the last frame up to 17; the receiver drops the repetition;
 * - `exact` does what the original does: the frames are encoded as they are, and of n frames
 *   4·floor((n − 1) / 4) + 1 are decoded;
 * - `drop` drops them.
 */
export type TailPolicy = "pad" | "exact" | "drop";

/** How windows are made. */
export interface WindowOptions extends FitOptions {
  /** What to do with the last frames. Default: pad. */
  readonly tail?: TailPolicy;
  /** Gives the time in milliseconds since 1970. Default: the machine's. */
  readonly now?: () => number;
  /**
   * Whether to give a window as soon as its last frame is there. Default: false, it is held until
   * the next frame arrives or the source ends, so that the last window is known to be the last.
   */
  readonly live?: boolean;
}

/** Frames that are decoded of a number of encoded frames. */
export function reconstructedFrames(frames: number): number {
  return 4 * Math.floor((frames - 1) / 4) + 1;
}

/**
 * Collects frames into windows.
 */
export class Windower {
  readonly #options: WindowOptions;
  readonly #fitter: FrameFitter;
  #frames: Uint8Array[] = [];
  #times: number[] = [];
  #end = 0;
  #capturedAt = 0;
  #picture: Picture | undefined;
  #sequence = 0;

  /**
   * Prepares for windows of a size.
   *
   * @throws {RangeError} if a side is not a multiple of 8 from 8 to 1,024.
   */
  constructor(options: WindowOptions) {
    for (const side of [options.width, options.height]) {
      if (!(Number.isInteger(side / 8) && side >= 8 && side <= 1024)) {
        throw new RangeError(
          `Cannot make windows of ${options.width}x${options.height}: found a side of ${side}, expected a multiple of 8 from 8 to 1024`,
        );
      }
    }
    this.#options = options;
    this.#fitter = new FrameFitter(options);
  }

  /** Frames that wait for their window to fill: 0 to 16. */
  get pending(): number {
    return this.#frames.length;
  }

  /**
   * Adds a frame; returns a window with every 17th.
   *
   * @throws {VideoVqError} `bad-source` if the frame has no pixels, or its time is before that of
   * the last frame.
   */
  push(frame: TimedFrame): FrameWindow | undefined {
    const last = this.#times.at(-1);
    if (last !== undefined && frame.pts < last) {
      throw new VideoVqError(
        "bad-source",
        `Cannot add a frame to a window: found time ${frame.pts} s, expected ${last} s or later`,
      );
    }
    if (this.#frames.length === 0) {
      this.#capturedAt = frame.capturedAt ?? (this.#options.now ?? wallTime)();
    }
    this.#frames.push(this.#fitter.fit(frame));
    this.#picture = this.#fitter.picture;
    this.#times.push(frame.pts);
    this.#end = frame.pts + frame.duration;
    return this.#frames.length === WINDOW_FRAMES
      ? this.#take(WINDOW_FRAMES, WINDOW_FRAMES)
      : undefined;
  }

  /** Returns the last window of the clip, by the tail policy. */
  flush(): FrameWindow | undefined {
    const left = this.#frames.length;
    const { tail = "pad" } = this.#options;
    if (left === 0 || tail === "drop") return undefined;
    if (tail === "exact") return this.#take(left, reconstructedFrames(left));
    return this.#take(WINDOW_FRAMES, left);
  }

  #take(frameCount: number, validFrames: number): FrameWindow {
    const { width, height } = this.#options;
    const size = width * height * 3;
    const data = new Uint8Array(frameCount * size);
    for (let i = 0; i < frameCount; i++) {
      data.set(this.#frames[Math.min(i, this.#frames.length - 1)]!, i * size);
    }
    const times = [...this.#times, this.#end].slice(0, validFrames + 1);
    const capturedAt = this.#capturedAt;
    this.#frames = [];
    this.#times = [];
    return {
      sequence: this.#sequence++,
      width,
      height,
      frameCount,
      validFrames,
      data,
      times,
      capturedAt,
      ...defined({ picture: this.#picture }),
      last: false,
    };
  }
}

/**
 * The windows of a stream of frames. If the stream fails, the windows of its frames so far are
 * given before the failure is thrown.
 *
 * @example Twenty frames are a full window and a padded one
 * ```ts
 * import { windowsOf } from "@vcs/video-vq";
 * import assert from "node:assert/strict";
 *
 * const size = { width: 8, height: 8 };
 * const frames = async function* () {
 *   for (let i = 0; i < 20; i++) {
 *     yield { ...size, data: new Uint8Array(192).fill(i), pts: i / 10, duration: 0.1 };
 *   }
 * };
 * const [first, second] = await Array.fromAsync(windowsOf(frames(), size));
 * assert.equal(first?.validFrames, 17);
 * assert.equal(second?.validFrames, 3);
 * assert.equal(second?.data.at(-1), 19);
 * ```
 */
export async function* windowsOf(
  frames: AsyncIterable<TimedFrame>,
  options: WindowOptions,
): AsyncGenerator<FrameWindow> {
  const windower = new Windower(options);
  let held: FrameWindow | undefined;
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const frame of frames) {
      if (held) yield held;
      held = windower.push(frame);
      if (!held || !options.live) continue;
      yield held;
      held = undefined;
    }
  } catch (error) {
    failure = { error };
  }
  const rest = windower.flush();
  if (held && rest) yield held;
  const last = rest ?? held;
  if (last) yield { ...last, last: true };
  if (failure) throw failure.error;
}
