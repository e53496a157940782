/**
 * From coded frames back to the shape of their source.
 *
 * @module
 */
import { FrameFitter, type Picture, type RgbImage } from "./frame_fitter.ts";

/** A coded frame, and what it shows. */
export interface CodedFrame extends RgbImage {
  /** What it shows of its source. Default: all of it is the picture. */
  readonly picture?: Picture;
}

/** Longest side that is made longer, and most pixels of a frame of which one is. */
const [LONGEST, MOST_PIXELS] = [8192, 8192 * 1024];
/** Shapes that differ by less are the same but for rounding to pixels. */
const ALIKE = 0.03;

/** Video codecs take whole pairs of pixels. */
const even = (side: number) => Math.max(2, Math.floor(side / 2) * 2);

/** Gives frames the shape of their source; all have the size of the first one. */
export class ShapeRestorer {
  #fitter: FrameFitter | undefined;
  #size: { readonly width: number; readonly height: number } | undefined;

  /** A frame without bars and with its source's width to height. */
  restore(frame: CodedFrame): RgbImage {
    const shown = shownIn(frame);
    this.#size ??= restoredSize(shown);
    const { width, height } = this.#size;
    const aspect = shown.width * (shown.pixelAspect ?? 1) / shown.height;
    const isAlike = Math.abs(aspect * height / width - 1) < ALIKE;
    if (shown.width === width && shown.height === height && isAlike) return shown;
    const fit = isAlike ? "stretch" : "pad";
    if (this.#fitter?.fitting !== fit) this.#fitter = new FrameFitter({ width, height, fit });
    return { width, height, data: this.#fitter.fit(shown) };
  }
}

/** The picture in a frame, with the shape of its pixels. */
function shownIn({ width, height, data, picture }: CodedFrame): RgbImage {
  if (!picture) return { width, height, data };
  if (picture.fit === "stretch") {
    const pixelAspect = picture.width / picture.height * height / width;
    return { width, height, data, pixelAspect };
  }
  return cropped({ width, height, data }, even(picture.width), even(picture.height));
}

/** The side that stretching made too short is made longer, so that nothing is lost. */
function restoredSize({ width, height, pixelAspect = 1 }: RgbImage) {
  return pixelAspect >= 1
    ? { width: lengthened(width, pixelAspect, height), height }
    : { width, height: lengthened(height, 1 / pixelAspect, width) };
}

/** A side made longer, as far as a frame may be made larger. */
function lengthened(side: number, factor: number, other: number): number {
  const longest = Math.max(side, Math.min(LONGEST, MOST_PIXELS / other));
  return even(Math.min(longest, Math.round(side * factor)));
}

/** The middle of an image. */
function cropped(image: RgbImage, width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  const left = (image.width - width) >> 1;
  const top = (image.height - height) >> 1;
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * image.width + left);
    data.set(image.data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { width, height, data };
}
