/**
 * Fits frames of any size to the network's input as the original's loader does: scales the short
 * side to the target and the long side to `trunc(target · long / short)`, then crops. The scaling
 * is OpenCV's (`INTER_LINEAR`, see `media/resize/opencv.ts`), bit for bit, or by area, as the
 * network expects it. Only the pixels that remain are computed.
 *
 * @module
 */
import { AreaResize, OpencvBilinear, type Size, type Window } from "@vcs/media/internal";
import { VideoVqError } from "../errors.ts";

/** Rows by which the shape of a stretched source is told: fine enough for any. */
const STRETCHED = 720;

/** An image: RGB bytes, rows from the top. */
export interface RgbImage {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** RGB, [height, width, 3]. */
  readonly data: Uint8Array;
  /** Width to height of a pixel. Default: 1, square. */
  readonly pixelAspect?: number;
}

/** Long side to short side of the narrowest picture that is told. */
export const NARROWEST = 64;

/**
 * What a coded frame shows: with `pad`, a picture of this size in its middle between black bars;
 * with `stretch`, a picture of this width to height on all of it.
 */
export interface Picture {
  /** How the source was fitted. */
  readonly fit: "pad" | "stretch";
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** How a frame is made to fit the target. */
export interface FitOptions {
  /** Columns of the target. */
  readonly width: number;
  /** Rows of the target. */
  readonly height: number;
  /**
   * `crop` scales the short side and crops the long one, `pad` scales the long side and fills the
   * rest with black, `stretch` scales each side independently. Default: crop.
   */
  readonly fit?: "crop" | "pad" | "stretch";
  /**
   * Seed that chooses where `crop` crops, the same place in all frames, as the original does.
   * Default: the centre.
   */
  readonly cropSeed?: number | undefined;
  /** How frames are scaled. Default: opencv. */
  readonly resize?: ResizeKind | undefined;
}

/**
 * How frames are scaled: `opencv` is its bilinear resize, which takes single pixels where much is
 * made small, as Open-MAGVIT2's loader does; `area` takes the mean of what a pixel covers.
 */
export type ResizeKind = "opencv" | "area";

/** What is cropped, and where it goes. */
interface Plan {
  /** Size of the resized image before cropping. */
  readonly scaled: Size;
  /** The part of it that is kept. */
  readonly window: Window;
  /** Where that part lies in the target. */
  readonly to: { readonly x: number; readonly y: number };
}

/** Across and down, each in [0, 1); undefined for the centre. */
type Place = readonly [number, number] | undefined;

/**
 * Fits frames. Frames of one clip may change their size.
 *
 * @example The centre of a wide image
 * ```ts
 * import { FrameFitter } from "@vcs/video-vq/internal";
 * import assert from "node:assert/strict";
 *
 * const fitter = new FrameFitter({ width: 8, height: 8 });
 * const wide = { width: 32, height: 16, data: new Uint8Array(32 * 16 * 3).fill(77) };
 * assert.deepEqual(fitter.fit(wide), new Uint8Array(8 * 8 * 3).fill(77));
 * ```
 */
export class FrameFitter {
  readonly #options: FitOptions;
  readonly #place: Place;
  #source = { width: 0, height: 0, pixelAspect: 1 };
  #picture: Picture | undefined;
  #resizer!: OpencvBilinear | AreaResize;
  /** First byte of the resized image in the target. */
  #at = 0;

  /** Prepares for a target. */
  constructor(options: FitOptions) {
    this.#options = options;
    this.#place = cropPlace(options.cropSeed);
  }

  /** How frames are made to fit. */
  get fitting(): "crop" | "pad" | "stretch" {
    return this.#options.fit ?? "crop";
  }

  /** What the last target shows; undefined if it has no bars and the shape of the source. */
  get picture(): Picture | undefined {
    return this.#picture;
  }

  /**
   * Fits one frame.
   *
   * @returns RGB bytes, [height, width, 3] of the target
   * @throws {VideoVqError} `bad-source` if the image has no pixels, or not as many as its size says.
   */
  fit(image: RgbImage): Uint8Array {
    const { width, height, data, pixelAspect = 1 } = image;
    if (!(width > 0 && height > 0) || data.length !== width * height * 3) {
      throw new VideoVqError(
        "bad-source",
        `Cannot fit a frame of ${width}x${height}: found ${data.length} bytes, expected ${
          width * height * 3
        } of RGB`,
      );
    }
    const { width: columns, height: rows, pixelAspect: aspect } = this.#source;
    if (width !== columns || height !== rows || pixelAspect !== aspect) {
      this.#prepare({ width, height, pixelAspect });
    }
    const stride = 3 * this.#options.width;
    const out = new Uint8Array(this.#options.height * stride);
    this.#resizer.resize(data, out, this.#at, stride);
    return out;
  }

  #prepare(source: Size & { readonly pixelAspect: number }): void {
    this.#source = source;
    const { width, height, pixelAspect } = source;
    const { scaled, window, to } = makePlan(
      width * pixelAspect,
      height,
      this.#options,
      this.#place,
    );
    this.#picture = pictureOf(width * pixelAspect, height, this.#options, scaled);
    const Resizer = this.#options.resize === "area" ? AreaResize : OpencvBilinear;
    this.#resizer = new Resizer({ width, height }, scaled, window);
    this.#at = 3 * (to.y * this.#options.width + to.x);
  }
}

function makePlan(width: number, height: number, options: FitOptions, place: Place): Plan {
  const target = { width: options.width, height: options.height };
  const corner = { left: 0, top: 0 };
  const to = { x: 0, y: 0 };
  if (options.fit === "stretch") return { scaled: target, window: { ...corner, ...target }, to };
  const scaled = scaledSize(width, height, target, options.fit ?? "crop");
  if (options.fit === "pad") {
    to.x = (target.width - scaled.width) >> 1;
    to.y = (target.height - scaled.height) >> 1;
    return { scaled, window: { ...corner, ...scaled }, to };
  }
  corner.left = offset(scaled.width - target.width, place?.[0]);
  corner.top = offset(scaled.height - target.height, place?.[1]);
  return { scaled, window: { ...corner, ...target }, to };
}

/** What a target shows that has bars, or another shape than its source. */
function pictureOf(
  width: number,
  height: number,
  { fit, ...target }: FitOptions,
  scaled: Size,
): Picture | undefined {
  const isWhole = scaled.width === target.width && scaled.height === target.height;
  if (fit === "pad") return isWhole ? undefined : { fit, ...scaled };
  const isAlike = Math.abs(width * target.height / (height * target.width) - 1) < 1e-3;
  if (fit !== "stretch" || isAlike) return undefined;
  const aspect = Math.min(NARROWEST, Math.max(1 / NARROWEST, width / height));
  return { fit, width: Math.round(aspect * STRETCHED), height: STRETCHED };
}

function offset(room: number, place: number | undefined): number {
  return place === undefined ? room >> 1 : Math.floor((room + 1) * place);
}

/** The size that covers (`crop`) or just fits into (`pad`) the target, truncated to pixels. */
function scaledSize(
  width: number,
  height: number,
  target: Size,
  fit: "crop" | "pad",
): Size {
  const byWidth = (width * target.height < height * target.width) === (fit === "crop");
  return byWidth
    ? { width: target.width, height: Math.max(1, Math.trunc((target.width * height) / width)) }
    : { width: Math.max(1, Math.trunc((target.height * width) / height)), height: target.height };
}

/** Where a crop lies: the centre, or a place chosen by a seed. */
function cropPlace(seed: number | undefined): Place {
  return seed === undefined ? undefined : [fraction(seed), fraction(seed + 0x6d2b79f5)];
}

/** A number in [0, 1) from an integer: the finalizer of MurmurHash3. */
function fraction(seed: number): number {
  let bits = seed | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return ((bits ^ (bits >>> 16)) >>> 0) / 4294967296;
}
