/**
 * CLIP's preprocessing: Pillow's bicubic resize of the shorter side and a centre crop, bit for bit
 * what `torchvision` and `open_clip` feed to the model.
 *
 * The resize follows Pillow's `Resample.c`: one kernel for each output position, stretched by the
 * scale where the picture shrinks, weights in fixed point with 22 fraction bits, columns first,
 * then rows, each pass rounded and clamped to bytes. Only what the crop keeps is computed.
 *
 * @example A 640×480 frame as CLIP sees it
 * ```ts
 * import { cropBox, resizeCrop } from "@vcs/clip-drift/preprocess";
 * import assert from "node:assert/strict";
 *
 * const frame = { width: 640, height: 480, data: new Uint8Array(640 * 480 * 3).fill(7) };
 * assert.deepEqual(cropBox(640, 480, 224), { width: 298, height: 224, left: 37, top: 0 });
 * assert.equal(resizeCrop(frame, 224).length, 224 * 224 * 3);
 * ```
 *
 * @module
 */

import { type Axis, FRACTION_BITS, resizePasses } from "./resize_kernel.ts";

/** A picture: rows of RGB bytes. */
export interface RgbImage {
  /** Pixels in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Bytes of shape [height, width, 3]. */
  readonly data: Uint8Array;
}

/** The size after the resize, and where the crop begins in it. */
export interface CropBox {
  /** Width after the resize. */
  width: number;
  /** Height after the resize. */
  height: number;
  /** First column that is kept. */
  left: number;
  /** First row that is kept. */
  top: number;
}

/** Rounds as Python does: halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * The size that a picture is resized to and the crop's corner: the shorter side becomes `size`,
 * the longer one is truncated, the crop's offset is rounded half to even.
 */
export function cropBox(width: number, height: number, size: number): CropBox {
  const short = Math.min(width, height);
  const scaled = (side: number) => side === short ? size : Math.trunc(size * side / short);
  const box = { width: scaled(width), height: scaled(height) };
  return {
    ...box,
    left: roundHalfEven((box.width - size) / 2),
    top: roundHalfEven((box.height - size) / 2),
  };
}

/** Keys' cubic convolution kernel with a = -0.5. */
function cubic(t: number): number {
  const x = Math.abs(t);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/** Weights of the output position whose centre is `centre`, over the inputs `lo` to `hi`. */
function kernel(centre: number, lo: number, hi: number, stretch: number): number[] {
  const weights: number[] = [];
  let sum = 0;
  for (let i = lo; i < hi; i++) {
    const weight = cubic((i - centre + 0.5) * (1 / stretch));
    weights.push(weight);
    sum += weight;
  }
  return weights.map((w) => {
    const fixed = w / sum * 2 ** FRACTION_BITS;
    return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
  });
}

/** The kernels of output positions `first` to `first + count` when `input` becomes `output` long. */
function makeAxis(input: number, output: number, first: number, count: number): Axis {
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const support = 2 * stretch;
  const from = new Int32Array(count);
  const rows: number[][] = [];
  for (let i = 0; i < count; i++) {
    const centre = (first + i + 0.5) * scale;
    const lo = Math.max(0, Math.trunc(centre - support + 0.5));
    const hi = Math.min(input, Math.trunc(centre + support + 0.5));
    from[i] = lo;
    rows.push(kernel(centre, lo, hi, stretch));
  }
  const taps = Math.max(...rows.map((row) => row.length));
  const weights = new Int32Array(count * taps);
  rows.forEach((row, i) => {
    // A kernel that would read past the end starts earlier, with zeros in front.
    const shift = Math.max(0, from[i]! + taps - input);
    from[i]! -= shift;
    weights.set(row, i * taps + shift);
  });
  return { from, taps, weights };
}

const axes = new Map<string, Axis>();

/** The kernels of an axis; a camera's frames all have the same few. */
function axisOf(input: number, output: number, first: number, count: number): Axis {
  const key = `${input},${output},${first},${count}`;
  let axis = axes.get(key);
  if (axis === undefined) {
    if (axes.size >= 64) axes.clear();
    axes.set(key, axis = makeAxis(input, output, first, count));
  }
  return axis;
}

function checkImage(image: RgbImage, size: number): void {
  const { width, height, data } = image;
  if (!(Number.isInteger(size) && size > 0)) {
    throw new RangeError(
      `Cannot resize a picture: size must be a whole number above 0, found ${size}`,
    );
  }
  if (!(width > 0 && height > 0) || data.length !== width * height * 3) {
    throw new RangeError(
      `Cannot resize a picture of ${width}x${height}: found ${data.length} bytes, [height, width, 3] takes ${
        width * height * 3
      }`,
    );
  }
}

/**
 * Resizes a picture so that its shorter side is `size`, and cuts out the centre.
 *
 * @param image the picture
 * @param size side of the square: 224, or 336 for ViT-L-14-336
 * @param out where to write; a new array where none is given
 * @returns RGB bytes of shape [size, size, 3]
 * @throws {RangeError} where the data is not the picture's size, or `out` is too small
 */
export function resizeCrop(
  image: RgbImage,
  size: number,
  out: Uint8Array = new Uint8Array(size * size * 3),
): Uint8Array {
  checkImage(image, size);
  const box = cropBox(image.width, image.height, size);
  const across = axisOf(image.width, box.width, box.left, size);
  const down = axisOf(image.height, box.height, box.top, size);
  const top = down.from[0]!;
  const rows = down.from[size - 1]! + down.taps - top;
  const stride = image.width * 3;
  const data = image.data.subarray(top * stride, (top + rows) * stride);
  const fromTop = { ...down, from: down.from.map((y) => y - top) };
  resizePasses(data, stride, rows, across, fromTop, out);
  return out;
}

/** Mean of each colour over OpenAI's training pictures, of values 0 to 1. */
export const CLIP_MEAN: readonly number[] = [0.48145466, 0.4578275, 0.40821073];
/** Standard deviation of each colour over OpenAI's training pictures. */
export const CLIP_STD: readonly number[] = [0.26862954, 0.26130258, 0.27577711];

/**
 * Normalises pixels as CLIP's reference code does: to floats of shape [3, size, size], minus the
 * mean, over the standard deviation, each step rounded to single precision. The graphs of this
 * package do it inside; this is for comparing with other software.
 *
 * @param pixels RGB bytes of shape [size, size, 3]
 */
export function pixelValues(pixels: Uint8Array): Float32Array {
  const count = pixels.length / 3;
  const out = new Float32Array(pixels.length);
  for (let c = 0; c < 3; c++) {
    const mean = Math.fround(CLIP_MEAN[c]!);
    const std = Math.fround(CLIP_STD[c]!);
    for (let i = 0; i < count; i++) {
      const unit = Math.fround(pixels[i * 3 + c]! / 255);
      out[c * count + i] = Math.fround(unit - mean) / std;
    }
  }
  return out;
}
