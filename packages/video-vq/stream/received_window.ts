/**
 * Windows and frames that a receiver delivers.
 *
 * @module
 */
import { defined } from "@vcs/transport/internal";
import type { Picture } from "../frames/frame_fitter.ts";
import type { FrameRate, TokenWindow } from "./payload.ts";
import type { Clip } from "./tokenizer.ts";
import { WINDOW_FRAMES } from "./windows.ts";

/** A decoded window. */
export interface ReceivedWindow extends Omit<TokenWindow, "tokens"> {
  /** Id of the stream. */
  readonly streamId: string;
  /** Number of the window. */
  readonly sequence: number;
  /** When it was decoded, in milliseconds since 1970. */
  readonly decodedAt: number;
  /** RGB, [validFrames, height, width, 3]. */
  readonly data: Uint8Array;
}

/** A frame with its place in the stream. */
export interface ReceivedFrame {
  /** Number of the frame in the stream. */
  readonly index: number;
  /** Presentation time in seconds. */
  readonly pts: number;
  /** How long it is shown, in seconds. */
  readonly duration: number;
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** RGB, [height, width, 3]. */
  readonly data: Uint8Array;
  /** Nominal rate of the stream. */
  readonly frameRate: FrameRate;
  /** What it shows of its source. Default: all of it is the picture. */
  readonly picture?: Picture;
  /** When the sender received the frame, in milliseconds since 1970; 0 if unknown. */
  readonly capturedAt: number;
  /** When its window was decoded, in milliseconds since 1970. */
  readonly decodedAt: number;
}

/** The frames of a window, one by one. */
export function framesOf(window: ReceivedWindow): ReceivedFrame[] {
  const { width, height, times, data, sequence, capturedAt, picture } = window;
  const size = width * height * 3;
  return Array.from({ length: window.validFrames }, (_, i) => ({
    index: sequence * WINDOW_FRAMES + i,
    pts: times[i]!,
    duration: times[i + 1]! - times[i]!,
    width,
    height,
    frameRate: window.frameRate,
    ...defined({ picture }),
    decodedAt: window.decodedAt,
    data: data.subarray(i * size, (i + 1) * size),
    capturedAt: capturedAt > 0 ? capturedAt + (times[i]! - times[0]!) * 1000 : 0,
  }));
}

/** The valid frames of a window, without padding. */
export function validFrames(
  clip: Clip,
  count: number,
): Pick<ReceivedWindow, "data" | "validFrames" | "width" | "height"> {
  const kept = Math.min(count, clip.frameCount);
  const { width, height } = clip;
  return {
    data: clip.data.subarray(0, kept * width * height * 3),
    validFrames: kept,
    width,
    height,
  };
}
