/**
 * CLIP's preprocessing: Pillow's bicubic resize of the shorter side and a centre crop, bit for bit
 * what `torchvision` and `open_clip` feed to the model.
 *
 * The arithmetic of the resize is in `media/resize/pillow.ts`; only what the crop keeps is computed.
 *
 * @example A 640×480 frame as CLIP sees it
 * ```ts
 * import { cropBox, resizeCrop } from "./preprocess.ts";
 * import assert from "node:assert/strict";
 *
 * const frame = { width: 640, height: 480, data: new Uint8Array(640 * 480 * 3).fill(7) };
 * assert.deepEqual(cropBox(640, 480, 224), { width: 298, height: 224, left: 37, top: 0 });
 * assert.equal(resizeCrop(frame, 224).length, 224 * 224 * 3);
 * ```
 *
 * @module
 */

import { PillowBicubic, roundHalfEven } from "@vcs/media/internal";

/** An image: rows of RGB bytes. */
export interface RgbImage {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
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

/**
 * The size that an image is resized to and the crop's corner: the shorter side becomes `size`,
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

/** How an image of a size becomes a square: the size after the resize, and where the crop begins. */
export type Framing = (width: number, height: number, size: number) => CropBox;

const resizers = new Map<string, PillowBicubic>();

/** The resize for a size of images; a camera's frames all have the same few. */
function resizerOf({ width, height }: RgbImage, box: CropBox, size: number): PillowBicubic {
  const key = [width, height, box.width, box.height, box.left, box.top, size].join();
  let resizer = resizers.get(key);
  if (resizer === undefined) {
    if (resizers.size >= 32) resizers.clear();
    resizer = new PillowBicubic({ width, height }, box, { ...box, width: size, height: size });
    resizers.set(key, resizer);
  }
  return resizer;
}

function checkImage(image: RgbImage, size: number): void {
  const { width, height, data } = image;
  if (!(Number.isInteger(size) && size > 0)) {
    throw new RangeError(
      `Cannot resize an image: found size ${size}, expected a whole number above 0`,
    );
  }
  if (!(width > 0 && height > 0) || data.length !== width * height * 3) {
    throw new RangeError(
      `Cannot resize an image of ${width}x${height}: found ${data.length} bytes, expected ${
        width * height * 3
      } of shape [height, width, 3]`,
    );
  }
}

/**
 * Resizes an image and cuts out a square; as CLIP does it, its shorter side becomes `size` and the
 * centre is cut out.
 *
 * @param image the image
 * @param size side of the square: 224, or 336 for ViT-L-14-336
 * @param out where to write. Default: a new array.
 * @param framing what is resized to what. Default: CLIP's.
 * @returns RGB bytes of shape [size, size, 3]
 * @throws {RangeError} if the data is not the image's size, or `out` is too small
 */
export function resizeCrop(
  image: RgbImage,
  size: number,
  out: Uint8Array = new Uint8Array(size * size * 3),
  framing: Framing = cropBox,
): Uint8Array {
  checkImage(image, size);
  const box = framing(image.width, image.height, size);
  resizerOf(image, box, size).resize(image.data, out);
  return out;
}

/** Mean of each colour over OpenAI's training images, of values 0 to 1. */
export const CLIP_MEAN: readonly number[] = [0.48145466, 0.4578275, 0.40821073];
/** Standard deviation of each colour over OpenAI's training images. */
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
