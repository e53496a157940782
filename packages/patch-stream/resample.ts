/**
 * Where resized pixels come from, and with what weight.
 *
 * The plain operator repeats PyTorch's `interpolate(mode="bilinear", align_corners=False)` down
 * to the rounding of each step (one multiply rounded, one fused multiply-add, per axis), so that
 * patches in reference mode are equal bit for bit; `resize_kernel.ts` applies it. The antialiased one widens a triangle filter
 * to what an output pixel covers, as Pillow and torchvision do.
 *
 * @module
 */

const round32 = Math.fround;

/** Where the outputs of one axis come from: two inputs and their weights each. */
export interface BilinearTaps {
  /** First input of each output. */
  readonly low: Int32Array;
  /** Second input of each output. */
  readonly high: Int32Array;
  /** Weight of the first. */
  readonly lowWeight: Float32Array;
  /** Weight of the second. */
  readonly highWeight: Float32Array;
}

/** Half-pixel centres, no antialias, clamped at the edges. */
export function bilinearTaps(input: number, output: number): BilinearTaps {
  const taps = {
    low: new Int32Array(output),
    high: new Int32Array(output),
    lowWeight: new Float32Array(output),
    highWeight: new Float32Array(output),
  };
  const scale = round32(input / output);
  for (let i = 0; i < output; i++) {
    const source = Math.max(0, round32(scale * (i + 0.5) - 0.5));
    const low = Math.min(Math.floor(source), input - 1);
    taps.low[i] = low;
    taps.high[i] = Math.min(low + 1, input - 1);
    taps.highWeight[i] = Math.min(source - low, 1);
    taps.lowWeight[i] = 1 - taps.highWeight[i]!;
  }
  return taps;
}

/** Where the outputs of one axis come from: a run of inputs and its weights, which sum to 1. */
export interface FilterTaps {
  /** First input of each output. */
  readonly start: Int32Array;
  /** Weights, `size` for each output; those past the end of the run are 0. */
  readonly weights: Float32Array;
  /** Longest run. */
  readonly size: number;
}

/** A triangle as wide as two output pixels (two input pixels where the output is larger). */
export function triangleTaps(input: number, output: number): FilterTaps {
  const scale = input / output;
  const radius = Math.max(scale, 1);
  const size = Math.min(input, 2 * Math.ceil(radius) + 1);
  const start = new Int32Array(output);
  const weights = new Float32Array(output * size);
  for (let i = 0; i < output; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - radius + 0.5));
    const end = Math.min(input, Math.trunc(centre + radius + 0.5));
    const run = Array.from(
      { length: end - first },
      (_, n) => Math.max(0, 1 - Math.abs((first + n + 0.5 - centre) / radius)),
    );
    const sum = run.reduce((a, b) => a + b, 0);
    start[i] = first;
    run.forEach((weight, n) => weights[i * size + n] = weight / sum);
  }
  return { start, weights, size };
}

/** The frame at the size of the output, [rows of `y`, columns of `x`, 3]: rows first. */
export function resizeRgbAntialiased(
  rgb: Uint8Array,
  width: number,
  x: FilterTaps,
  y: FilterTaps,
  out: Float32Array,
): void {
  const rowLength = 3 * x.start.length;
  const height = rgb.length / 3 / width;
  const narrow = new Float32Array(height * rowLength);
  for (let j = 0; j < height; j++) {
    filterRow(rgb, 3 * j * width, 3 * width, x, narrow.subarray(j * rowLength));
  }
  for (let j = 0; j < y.start.length; j++) {
    const line = out.subarray(j * rowLength, (j + 1) * rowLength).fill(0);
    for (let n = 0; n < y.size; n++) {
      const weight = y.weights[j * y.size + n]!;
      if (weight === 0) continue;
      const from = (y.start[j]! + n) * rowLength;
      for (let i = 0; i < rowLength; i++) line[i]! += weight * narrow[from + i]!;
    }
  }
}

/** One row of {@linkcode resizeRgbAntialiased}. */
function filterRow(
  rgb: Uint8Array,
  rowStart: number,
  rowLength: number,
  taps: FilterTaps,
  out: Float32Array,
): void {
  for (let i = 0; i < taps.start.length; i++) {
    let red = 0;
    let green = 0;
    let blue = 0;
    const run = Math.min(taps.size, rowLength / 3 - taps.start[i]!);
    for (let n = 0; n < run; n++) {
      const weight = taps.weights[i * taps.size + n]!;
      const at = rowStart + 3 * (taps.start[i]! + n);
      red += weight * rgb[at]!;
      green += weight * rgb[at + 1]!;
      blue += weight * rgb[at + 2]!;
    }
    out[3 * i] = red;
    out[3 * i + 1] = green;
    out[3 * i + 2] = blue;
  }
}
