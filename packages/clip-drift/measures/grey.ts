/**
 * A small grey copy of a frame, in which what does not matter to the picture as a whole is averaged
 * away: noise, blocks of JPEG, leaves.
 *
 * @module
 */
import type { RgbImage } from "../clip/preprocess.ts";

/** A grey image. */
export interface Grey {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Luminance of 0 to 255, shape [height, width]. */
  readonly data: Float32Array;
}

/** Longer side of the copy. */
const SIDE = 128;

/** Deviation below which an image is of one colour: a black one has noise, too. */
export const LEAST_DEVIATION = 1.5;

/** The first pixel of each cell, and the end of the last. */
function edges(length: number, cells: number): Int32Array {
  return Int32Array.from({ length: cells + 1 }, (_, i) => Math.floor(i * length / cells));
}

/** Mean luminance in each cell of a grid of at most 128 by 128 cells. */
export function smallGrey({ width, height, data }: RgbImage): Grey {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const [columns, rows] = [width, height].map((n) => Math.max(1, Math.round(n * scale)));
  const [xs, ys] = [edges(width, columns!), edges(height, rows!)];
  const out = new Float32Array(columns! * rows!);
  for (let row = 0; row < rows!; row++) {
    for (let column = 0; column < columns!; column++) {
      let sum = 0;
      for (let y = ys[row]!; y < ys[row + 1]!; y++) {
        const end = 3 * (y * width + xs[column + 1]!);
        for (let i = 3 * (y * width + xs[column]!); i < end; i += 3) {
          sum += 299 * data[i]! + 587 * data[i + 1]! + 114 * data[i + 2]!;
        }
      }
      const area = (xs[column + 1]! - xs[column]!) * (ys[row + 1]! - ys[row]!);
      out[row * columns! + column] = sum / (1000 * area);
    }
  }
  return { width: columns!, height: rows!, data: out };
}

/** Mean of an image. */
export function mean({ data }: Grey): number {
  return data.reduce((sum, x) => sum + x, 0) / data.length;
}

/** Standard deviation of an image. */
export function deviation(grey: Grey): number {
  const centre = mean(grey);
  return Math.sqrt(grey.data.reduce((sum, x) => sum + (x - centre) ** 2, 0) / grey.data.length);
}
