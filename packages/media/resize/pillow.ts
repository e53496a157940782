/**
 * Pillow's bicubic resize of 8-bit RGB, bit for bit (`Resample.c`): one kernel for each output
 * position, stretched by the scale where the image shrinks, weights in fixed point with 22
 * fraction bits, columns first, then rows, each pass rounded and clamped to bytes.
 *
 * @module
 */
import { FRACTION_BITS, resizePasses } from "./pillow_kernel.ts";
import { type Filter, type FilterTaps, filterTaps, type Size, type Window } from "./taps.ts";

/** Keys' cubic convolution kernel with a = -0.5. */
function cubic(t: number): number {
  const x = Math.abs(t);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

const BICUBIC: Filter = {
  radius: 2,
  weight: (input, centre, stretch) => cubic((input - centre + 0.5) * (1 / stretch)),
};

/** Weights as whole numbers, halves away from zero. */
function fixedPoint(taps: FilterTaps<Float64Array>): FilterTaps<Int32Array> {
  const weights = Int32Array.from(taps.weights, (weight) => {
    const fixed = weight * 2 ** FRACTION_BITS;
    return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
  });
  return { ...taps, weights };
}

/** Resizes by two tables of weights in fixed point: columns first, then rows. */
export class TwoPasses {
  readonly #stride: number;
  readonly #columns: FilterTaps<Int32Array>;
  /** Counted from the first row that is read. */
  readonly #rows: FilterTaps<Int32Array>;
  readonly #begin: number;
  readonly #rowCount: number;

  /** Prepares for images of so many columns. */
  constructor(width: number, columns: FilterTaps<Float64Array>, rows: FilterTaps<Float64Array>) {
    this.#stride = 3 * width;
    this.#columns = fixedPoint(columns);
    const first = rows.start[0]!;
    this.#rows = { ...fixedPoint(rows), start: rows.start.map((y) => y - first) };
    this.#begin = first * this.#stride;
    this.#rowCount = rows.start.at(-1)! + rows.size - first;
  }

  /**
   * Resizes an image.
   *
   * @param data RGB bytes, [height, width, 3]
   * @param out where the window's rows go
   * @param at place of the first byte in `out`. Default: 0.
   * @param stride bytes from row to row of `out`. Default: those of the window.
   */
  resize(data: Uint8Array, out: Uint8Array, at?: number, stride?: number): void {
    const rows = data.subarray(this.#begin, this.#begin + this.#rowCount * this.#stride);
    const to = { out, at, stride };
    resizePasses(rows, this.#stride, this.#rowCount, this.#columns, this.#rows, to);
  }
}

/** Resizes images of one size, again and again, and computes what a window of the result shows. */
export class PillowBicubic extends TwoPasses {
  /** Prepares to resize from one size to another, of which only the window is computed. */
  constructor(from: Size, to: Size, window: Window) {
    const { left, top, width, height } = window;
    super(
      from.width,
      filterTaps(BICUBIC, from.width, to.width, left, width),
      filterTaps(BICUBIC, from.height, to.height, top, height),
    );
  }
}
