/**
 * Which inputs an output of one axis is made of, and with what weights: the description that all
 * resizes here share. What differs between Pillow, OpenCV and PyTorch is how the weights are
 * rounded, and that is what makes their pixels differ.
 *
 * @module
 */

/** A size in pixels. */
export interface Size {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** The rectangle of a resized image that is computed. */
export interface Window extends Size {
  /** First column. */
  readonly left: number;
  /** First row. */
  readonly top: number;
}

/** Two neighbours for each output, as bilinear resizes without antialiasing read them. */
export interface NeighbourTaps<Weights extends Int32Array | Float32Array> {
  /** First input of each output. */
  readonly low: Int32Array;
  /** Second input of each output. */
  readonly high: Int32Array;
  /** Weight of the first. */
  readonly lowWeight: Weights;
  /** Weight of the second. */
  readonly highWeight: Weights;
}

/** A run of inputs for each output, as antialiased resizes read them. */
export interface FilterTaps<Weights extends Int32Array | Float32Array | Float64Array> {
  /** First input of each output; the whole run lies inside the input. */
  readonly start: Int32Array;
  /** Inputs in a run: those of the longest. */
  readonly size: number;
  /** Weights, [outputs, size]; shorter runs are filled up with zeros. */
  readonly weights: Weights;
}

/** A filter kernel. */
export interface Filter {
  /** Radius in output pixels where the image shrinks, in input pixels where it grows. */
  readonly radius: number;
  /**
   * Weight of an input pixel before the weights of a run are scaled to a sum of 1.
   *
   * @param input number of the input pixel
   * @param centre centre of the output pixel, in input pixels
   * @param stretch input pixels that an output pixel covers, at least 1
   */
  weight(input: number, centre: number, stretch: number): number;
}

/** Weights of one output over the inputs `start` to `end`, with a sum of 1. */
function run(filter: Filter, start: number, end: number, centre: number, stretch: number) {
  const weights: number[] = [];
  let sum = 0;
  for (let i = start; i < end; i++) {
    const weight = filter.weight(i, centre, stretch);
    weights.push(weight);
    sum += weight;
  }
  return weights.map((weight) => weight / sum);
}

/**
 * The runs of an antialiased resize from `input` to `output` pixels, placed as Pillow's
 * `Resample.c` does it (`precompute_coeffs`).
 *
 * @param first first output that is computed. Default: 0.
 * @param count outputs that are computed. Default: `output`.
 */
export function filterTaps(
  filter: Filter,
  input: number,
  output: number,
  first = 0,
  count: number = output,
): FilterTaps<Float64Array> {
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const support = filter.radius * stretch;
  const runs = Array.from({ length: count }, (_, i): Run => {
    const centre = (first + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(input, Math.trunc(centre + support + 0.5));
    return { start, weights: run(filter, start, end, centre, stretch) };
  });
  return tapsOf(runs, input);
}

/** Inputs of one output, one after the other. */
export interface Run {
  /** First input. */
  readonly start: number;
  /** Weight of each, with a sum of 1. */
  readonly weights: readonly number[];
}

/** Runs of an input of so many pixels as one table. */
export function tapsOf(runs: readonly Run[], input: number): FilterTaps<Float64Array> {
  const size = Math.max(...runs.map(({ weights }) => weights.length));
  const start = new Int32Array(runs.length);
  const weights = new Float64Array(runs.length * size);
  for (const [i, of] of runs.entries()) {
    // A run that would read past the end starts earlier, with zeros in front.
    const shift = Math.max(0, of.start + size - input);
    start[i] = of.start - shift;
    weights.set(of.weights, i * size + shift);
  }
  return { start, size, weights };
}

/** Rounds to the nearest whole number, halves to the even one, as Python and OpenCV do. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
