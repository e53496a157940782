/**
 * Which frames of a video are looked at: uniformly by frame number, or uniformly by time.
 *
 * @example Sixteen of 115 frames
 * ```ts
 * import { sampleByIndex } from "@vcs/patch-stream/internal";
 * import assert from "node:assert/strict";
 *
 * const ids = sampleByIndex(115, 16);
 * assert.equal(ids[0], 0);
 * assert.equal(ids.at(-1), 114);
 * ```
 *
 * @module
 */

/**
 * How a position in the sequence becomes a frame number: `exact` divides whole numbers, so that the
 * last sample is always the last frame; `reference` multiplies a double step and truncates, as
 * codec-patch-stream does, which is one frame low wherever the product falls a hair short.
 */
export type IndexRule = "exact" | "reference";

/**
 * Frame numbers spread uniformly over a video, first and last frame included. With more samples
 * than frames, frames repeat.
 *
 * @param frameCount frames that the video presents, 1 or more
 * @param count samples wanted, 1 or more
 * @param rule how a position becomes a frame number
 * @throws {RangeError} where a number is not whole or less than 1
 */
export function sampleByIndex(
  frameCount: number,
  count: number,
  rule: IndexRule = "exact",
): number[] {
  checkCounts(frameCount, count);
  if (count === 1) return [0];
  if (rule === "exact") {
    return Array.from({ length: count }, (_, i) => Math.floor(i * (frameCount - 1) / (count - 1)));
  }
  const step = (frameCount - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => Math.trunc(i * step));
}

/**
 * Frame numbers shown at times spread uniformly from the first frame's time to the last one's:
 * for each time, the last frame whose pts is not later. The same as {@linkcode sampleByIndex} for
 * a constant frame rate, and fair where the rate varies.
 *
 * @param pts presentation time of every frame in seconds, ascending
 * @param count samples wanted, 1 or more
 * @throws {RangeError} where there is no frame, or the count is not a whole number of 1 or more
 */
export function sampleByTime(pts: ArrayLike<number>, count: number): number[] {
  checkCounts(pts.length, count);
  const first = pts[0]!;
  const span = pts[pts.length - 1]! - first;
  const ids: number[] = [];
  let id = 0;
  for (let i = 0; i < count; i++) {
    const time = count === 1 ? first : first + span * i / (count - 1);
    while (id + 1 < pts.length && pts[id + 1]! <= time + TIME_SLACK) id++;
    ids.push(id);
  }
  return ids;
}

/** Times are sums of rounded fractions: a frame due within a nanosecond counts as shown. */
const TIME_SLACK = 1e-9;

function checkCounts(frameCount: number, count: number): void {
  if (!Number.isSafeInteger(frameCount) || frameCount < 1) {
    throw new RangeError(
      `Cannot sample frames: the video has ${frameCount} frames, it must have 1 or more`,
    );
  }
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(
      `Cannot sample frames: found a count of ${count}, expected whole numbers from 1`,
    );
  }
}
