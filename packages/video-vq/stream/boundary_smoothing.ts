/**
 * Windows joined where nothing moves. A decoder that makes each window for itself renders a still
 * scene a little anew with every one, which shows as a faint breath. What a pixel was last is carried
 * over into the first frames of the next window and fades out, as far as the two are alike; what
 * moves is left alone.
 *
 * It does in time what deblocking filters do between the blocks of a picture (ITU-T H.264, 8.7).
 *
 * @module
 */
import type { Clip } from "./tokenizer.ts";

/** Frames in which the difference fades out. */
const FADE = 8;
/** Differences up to this, of 255, are carried over whole; those of twice as much not at all. */
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

/** Joins each window to the one before. */
export class SeamFilter {
  /** The last frame of the window before; undefined where the next one stands alone. */
  #last: Uint8Array | undefined;

  /** The next window does not go on where the last one ended. */
  forget(): void {
    this.#last = undefined;
  }

  /** Changes the first frames of a window in place. */
  join({ data, frameCount, height, width }: Clip): void {
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
