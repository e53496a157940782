/**
 * Smooths the boundary between two windows where nothing moves. A decoder that decodes each window
 * independently renders a still scene slightly differently every time, which is visible as a faint
 * flicker. The difference to the last frame of the window before is carried over into the first
 * frames of the next and fades out; large differences, which are motion, are not changed.
 *
 * It does in time what deblocking filters do between the blocks of a frame (ITU-T H.264, 8.7).
 *
 * @module
 */
import type { Clip } from "./tokenizer.ts";

/** Frames over which the difference fades out. */
const FADE = 8;
/** Differences up to this, of 255, are carried over in full; those of twice as much not at all. */
const ALIKE = 6;
const WIDTH = 4 * ALIKE + 1;

/** What a frame of the fade gains for each difference from -2 to 2 times `ALIKE`. */
const GAINS: readonly Int8Array[] = Array.from(
  { length: FADE },
  (_, t) =>
    Int8Array.from({ length: WIDTH }, (_, i) => {
      const difference = i - 2 * ALIKE;
      const carried = difference * Math.min(1, 2 - Math.abs(difference) / ALIKE);
      return Math.round(carried * (FADE - t) / (FADE + 1));
    }),
);

/** Smooths the boundary between each window and the one before. */
export class BoundarySmoother {
  /** The last frame of the window before; undefined if the next one is not smoothed. */
  #last: Uint8Array | undefined;

  /** The next window does not continue the last one. */
  reset(): void {
    this.#last = undefined;
  }

  /** Changes the first frames of a window in place. */
  smooth({ data, frameCount, height, width }: Clip): void {
    const size = height * width * 3;
    const last = this.#last;
    if (last?.length === size) fade(data, last, Math.min(FADE, frameCount));
    this.#last = data.slice((frameCount - 1) * size, frameCount * size);
  }
}

function fade(data: Uint8Array, last: Uint8Array, frames: number): void {
  const frame = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  for (let i = 0; i < last.length; i++) {
    const at = last[i]! - data[i]! + 2 * ALIKE;
    if (at <= 0 || at >= WIDTH - 1 || at === 2 * ALIKE) continue;
    for (let t = 0; t < frames; t++) frame[t * last.length + i]! += GAINS[t]![at]!;
  }
}
