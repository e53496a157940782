/**
 * The antialiased bilinear resize of 8-bit RGB to floats: a triangle filter as wide as what an
 * output pixel covers, as Pillow and torchvision widen it, without their rounding to bytes.
 *
 * @module
 */
import { type Filter, type FilterTaps, filterTaps, type Size } from "./taps.ts";

/** A triangle, which is bilinear where the image grows. */
export const TRIANGLE: Filter = {
  radius: 1,
  weight: (input, centre, stretch) => Math.max(0, 1 - Math.abs((input + 0.5 - centre) / stretch)),
};

/** A triangle as wide as two output pixels (two input pixels where the output is larger). */
export function triangleTaps(input: number, output: number): FilterTaps<Float32Array> {
  const taps = filterTaps(TRIANGLE, input, output);
  return { ...taps, weights: Float32Array.from(taps.weights) };
}

/** Resizes images of one size to another, again and again. */
export class Antialiased {
  readonly #rowLength: number;
  readonly #columns: FilterTaps<Float32Array>;
  readonly #rows: FilterTaps<Float32Array>;
  /** The image with the columns of the output. */
  readonly #narrow: Float32Array;

  /** Prepares to resize from one size to another. */
  constructor(from: Size, to: Size) {
    this.#rowLength = 3 * from.width;
    this.#columns = triangleTaps(from.width, to.width);
    this.#rows = triangleTaps(from.height, to.height);
    this.#narrow = new Float32Array(3 * from.height * to.width);
  }

  /**
   * Resizes an image: columns first.
   *
   * @param rgb RGB bytes, [height, width, 3]
   * @param out floats of 0 to 255, of the new size
   */
  resize(rgb: Uint8Array, out: Float32Array): void {
    const narrow = this.#narrow;
    const { start, size, weights } = this.#rows;
    const rowLength = 3 * this.#columns.start.length;
    for (let j = 0; j < narrow.length / rowLength; j++) {
      filterRow(rgb, j * this.#rowLength, this.#columns, narrow.subarray(j * rowLength));
    }
    for (let j = 0; j < start.length; j++) {
      const line = out.subarray(j * rowLength, (j + 1) * rowLength).fill(0);
      for (let n = 0; n < size; n++) {
        const weight = weights[j * size + n]!;
        if (weight === 0) continue;
        const from = (start[j]! + n) * rowLength;
        for (let i = 0; i < rowLength; i++) line[i]! += weight * narrow[from + i]!;
      }
    }
  }
}

/** The columns of one row. */
function filterRow(
  rgb: Uint8Array,
  rowStart: number,
  taps: FilterTaps<Float32Array>,
  out: Float32Array,
): void {
  const { start, size, weights } = taps;
  for (let i = 0; i < start.length; i++) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let n = 0; n < size; n++) {
      const weight = weights[i * size + n]!;
      const at = rowStart + 3 * (start[i]! + n);
      red += weight * rgb[at]!;
      green += weight * rgb[at + 1]!;
      blue += weight * rgb[at + 2]!;
    }
    out[3 * i] = red;
    out[3 * i + 1] = green;
    out[3 * i + 2] = blue;
  }
}
