/**
 * The resize by area: where an image shrinks, an output pixel is the mean of what it covers, with
 * parts of pixels at its edges (OpenCV's `INTER_AREA`, swscale's `area`), so that fine patterns do
 * not alias. Where it grows, bilinear.
 *
 * @module
 */
import { TRIANGLE } from "./antialias.ts";
import { TwoPasses } from "./pillow.ts";
import { type FilterTaps, filterTaps, type Run, type Size, tapsOf, type Window } from "./taps.ts";

/** Parts of a pixel that are rounding, not picture. */
const ROUNDING = 1e-9;

/** The inputs that an output from `from` to `to` covers. */
function covered(from: number, to: number, input: number): Run {
  const start = Math.floor(from + ROUNDING);
  const end = Math.min(input, Math.ceil(to - ROUNDING));
  const weights = Array.from({ length: end - start }, (_, i) => {
    return (Math.min(to, start + i + 1) - Math.max(from, start + i)) / (to - from);
  });
  return { start, weights };
}

function areaTaps(input: number, output: number, first: number, count: number) {
  if (output >= input) return filterTaps(TRIANGLE, input, output, first, count);
  const scale = input / output;
  const runs = Array.from({ length: count }, (_, i): Run => {
    return covered((first + i) * scale, (first + i + 1) * scale, input);
  });
  return tapsOf(runs, input);
}

/** Resizes images of one size, again and again, and computes what a window of the result shows. */
export class AreaResize extends TwoPasses {
  /** Prepares to resize from one size to another, of which only the window is computed. */
  constructor(from: Size, to: Size, window: Window) {
    const { left, top, width, height } = window;
    const columns: FilterTaps<Float64Array> = areaTaps(from.width, to.width, left, width);
    super(from.width, columns, areaTaps(from.height, to.height, top, height));
  }
}
