/**
 * The size that frames are brought to, and the grid of patches on it ("smart resize").
 *
 * @example A 1080p frame keeps its shape on a grid of 12 by 22 patches
 * ```ts
 * import { planGrid } from "@vcs/patch-stream";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(planGrid(1920, 1080), {
 *   patchSize: 14,
 *   targetW: 308,
 *   targetH: 168,
 *   gridW: 22,
 *   gridH: 12,
 * });
 * ```
 *
 * @module
 */

/** Frame size after the resize, in pixels, and the patches that cover it. */
export interface Grid {
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Width of the resized frame in pixels: `gridW * patchSize`. */
  readonly targetW: number;
  /** Height of the resized frame in pixels: `gridH * patchSize`. */
  readonly targetH: number;
  /** Patches in a row; always even. */
  readonly gridW: number;
  /** Rows of patches; always even. */
  readonly gridH: number;
}

/** What decides the size of the grid. */
export interface GridOptions {
  /** Side of a patch in pixels. Default: 14. */
  patchSize?: number;
  /** Side of the square that has the wanted number of pixels. Default: 224. */
  inputSize?: number;
  /** Fewest pixels. Default: `inputSize` squared, or `maxPixels` if that is less. */
  minPixels?: number;
  /** Most pixels, before rounding. Default: `inputSize` squared, or `minPixels` if more. */
  maxPixels?: number;
}

/** Rounds half up; the arguments are positive, so this is "half away from zero". */
function roundTo(size: number, multiple: number): number {
  return Math.max(multiple, multiple * Math.round(size / multiple));
}

/**
 * Plans the grid for a frame: scale to between `minPixels` and `maxPixels`, then round each side
 * to a multiple of two patches. Rounding changes the aspect ratio by a few percent, and can pass
 * `maxPixels` a little.
 *
 * @param width width of the frame in pixels
 * @param height height of the frame in pixels
 * @throws {RangeError} where `minPixels` is more than `maxPixels`
 */
export function planGrid(width: number, height: number, options: GridOptions = {}): Grid {
  const { patchSize = 14, inputSize = 224 } = options;
  const square = inputSize ** 2;
  const minPixels = options.minPixels ?? Math.min(square, options.maxPixels ?? Infinity);
  const maxPixels = options.maxPixels ?? Math.max(square, minPixels);
  if (minPixels > maxPixels) {
    throw new RangeError(
      `Cannot plan the grid: minPixels is ${minPixels}, it must not pass maxPixels, ${maxPixels}`,
    );
  }
  const pixels = width * height;
  const wanted = Math.min(Math.max(pixels, minPixels), maxPixels);
  const scale = wanted === pixels ? 1 : Math.sqrt(wanted / pixels);
  const targetW = roundTo(width * scale, 2 * patchSize);
  const targetH = roundTo(height * scale, 2 * patchSize);
  return { patchSize, targetW, targetH, gridW: targetW / patchSize, gridH: targetH / patchSize };
}
