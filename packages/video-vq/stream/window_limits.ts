/**
 * What a window must keep to before anything is made of it: sizes, counts, rates, times. What a
 * peer sends is checked here, whichever form it has.
 *
 * @module
 */
import { NARROWEST } from "../frames/frame_fitter.ts";
import { VideoVqError } from "../errors.ts";
import type { TokenWindow } from "./payload.ts";
import type { TokenShape } from "./tokens.ts";
import { WINDOW_FRAMES } from "./windows.ts";

/** What latents a decoder takes. */
export interface LatentLimits {
  /** Bits of a token. */
  readonly channels: number;
  /** Fewest and most latent frames. */
  readonly frames: readonly [fewest: number, most: number];
  /** Pixels of a frame's side for each position. */
  readonly scale: number;
}

/** What windows are accepted. */
export interface WindowLimits extends Partial<LatentLimits> {
  /** Most positions of a latent. Default: 81,920, those of 17 frames of 1024×1024. */
  readonly positions?: number;
  /** The only size of latent that is accepted. Default: any. */
  readonly size?: Pick<TokenShape, "height" | "width">;
}

/** Positions of the largest window that an encoder of ours makes, 17 frames of 1024×1024. */
export const MOST_POSITIONS = 81_920;

/** Most bits of a token: an index is a positive 32-bit integer. */
const MOST_CHANNELS = 30;
/** Longest side of a frame in pixels: that of a video file. */
const LONGEST_SIDE = 16_384;
/** Seconds that a window may span: 30 years, so that a gap in a recording fits. */
const LONGEST = 1e9;
/** Frames per second, least and most. */
const RATES = [0.001, 1000] as const;
/** The largest times of a clock in milliseconds, and of an encoder in seconds. */
const LATEST = Number.MAX_SAFE_INTEGER;

/**
 * Checks the size of a latent.
 *
 * @throws {VideoVqError} `bad-window` if it is not one that is accepted.
 */
export function checkShape(shape: TokenShape, limits: WindowLimits = {}): void {
  const { channels, frames, height, width } = shape;
  const [fewest, most] = limits.frames ?? [1, WINDOW_FRAMES];
  const { positions = MOST_POSITIONS, size, scale = 1 } = limits;
  const longest = LONGEST_SIDE / scale;
  const isAllowed = [channels, frames, height, width].every(isCount) &&
    channels <= MOST_CHANNELS && channels === (limits.channels ?? channels) &&
    frames >= fewest && frames <= most && frames * height * width <= positions &&
    height <= longest && width <= longest &&
    (!size || (size.height === height && size.width === width));
  if (isAllowed) return;
  const expected = [
    `${limits.channels ?? `1 to ${MOST_CHANNELS}`} channels`,
    fewest === most ? `${most} frames` : `${fewest} to ${most} frames`,
    size ? `${size.height}x${size.width}` : `at most ${positions} positions and ${longest} a side`,
  ];
  throw bad(
    `found a latent of ${channels}x${frames}x${height}x${width}, expected ${expected.join(", ")}`,
  );
}

/**
 * Checks all that a window says beside its tokens.
 *
 * @throws {VideoVqError} `bad-window` if a number is out of range, or times go back.
 */
export function checkFields(
  window: Omit<TokenWindow, "tokens">,
  { height, width }: TokenShape,
  { scale }: WindowLimits = {},
): void {
  const { validFrames, frameRate: [numerator, denominator] } = window;
  const rate = numerator / denominator;
  if (!isCount(validFrames) || validFrames > WINDOW_FRAMES) {
    throw bad(`found ${validFrames} valid frames, expected 1 to ${WINDOW_FRAMES}`);
  }
  if (!(isCount(numerator) && isCount(denominator) && rate >= RATES[0] && rate <= RATES[1])) {
    throw bad(
      `found a frame rate of ${numerator}/${denominator}, expected ${
        RATES.join(" to ")
      } per second`,
    );
  }
  if (scale && (window.width !== width * scale || window.height !== height * scale)) {
    throw bad(
      `found frames of ${window.width}x${window.height}, expected ${width * scale}x${
        height * scale
      }`,
    );
  }
  checkPicture(window);
  checkTimes(window);
}

/** Bars leave a picture within its frame, and no picture is a line. */
function checkPicture({ picture, width, height }: Omit<TokenWindow, "tokens">): void {
  if (!picture) return;
  const aspect = picture.width / picture.height;
  const isSound = isCount(picture.width) && isCount(picture.height) && (
    picture.fit === "pad"
      ? picture.width <= width && picture.height <= height
      : picture.fit === "stretch" && aspect >= 1 / NARROWEST && aspect <= NARROWEST
  );
  if (isSound) return;
  throw bad(
    `found a picture of ${picture.width}x${picture.height} in frames of ${width}x${height}`,
  );
}

function checkTimes(window: Omit<TokenWindow, "tokens">): void {
  const { validFrames, times, ...telemetry } = window;
  for (const name of ["capturedAt", "sentAt", "encodeSeconds"] as const) {
    const value = telemetry[name];
    if (!(value >= 0 && value <= LATEST)) throw bad(`found ${name} ${value}, expected 0 or more`);
  }
  const first = times[0] ?? NaN;
  const isRising = times.every((time, i) => time >= times[Math.max(0, i - 1)]!);
  const isShort = Number.isFinite(first) && times.at(-1)! - first <= LONGEST;
  if (times.length === validFrames + 1 && isRising && isShort) return;
  throw bad(
    `found times ${times.slice(0, 3).join(", ")}…, expected ${
      validFrames + 1
    } that rise by at most ${LONGEST} s`,
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

/** The error of a window that cannot be read. */
export function bad(found: string, cause?: unknown): VideoVqError {
  return new VideoVqError("bad-window", `Cannot read a window: ${found}`, { cause });
}
