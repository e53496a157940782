/**
 * Frames of any size to the network's square, bit for bit as the original's loader does it with
 * OpenCV: the short side is scaled to the target (`INTER_LINEAR`, see `media/resize/opencv.ts`),
 * the long side to `trunc(target · long / short)`, then the target is cut out. Only the pixels
 * that remain are computed.
 *
 * @module
 */
import { OpencvBilinear, type Size, type Window } from "@vcs/media/internal";
import { VideoVqError } from "../errors.ts";

/** A picture: RGB bytes, rows from the top. */
export interface Picture {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** RGB, [height, width, 3]. */
  readonly data: Uint8Array;
}

/** How a frame is made to fit the target. */
export interface FitOptions {
  /** Columns of the target, a multiple of 8. */
  readonly width: number;
  /** Rows of the target, a multiple of 8. */
  readonly height: number;
  /**
   * `crop` (default) scales the short side and cuts the long one, `pad` scales the long side and
   * fills up with black, `stretch` scales each side for itself.
   */
  readonly fit?: "crop" | "pad" | "stretch";
  /**
   * Where `crop` cuts: in the middle (default), or at one place in the clip that a seed chooses,
   * as the original does it.
   */
  readonly cropSeed?: number | undefined;
}

/** What is taken from where. */
interface Plan {
  /** Size of the whole resized picture. */
  readonly scaled: Size;
  /** The part of it that is kept. */
  readonly window: Window;
  /** Where that part lies in the target. */
  readonly to: { readonly x: number; readonly y: number };
}

/** Across and down, each in [0, 1); undefined for the middle. */
type Place = readonly [number, number] | undefined;

/**
 * Makes frames fit. Frames of one clip may change their size: the plan is made anew then.
 *
 * @example The middle of a wide picture
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
  #source = { width: 0, height: 0 };
  #resizer!: OpencvBilinear;
  /** First byte that the resized picture takes in the target. */
  #at = 0;

  /**
   * Prepares for a target.
   *
   * @throws {RangeError} where a side of the target is not a multiple of 8 from 8 to 1,024.
   */
  constructor(options: FitOptions) {
    for (const side of [options.width, options.height]) {
      if (!(Number.isInteger(side / 8) && side >= 8 && side <= 1024)) {
        throw new RangeError(
          `Cannot fit frames to ${options.width}x${options.height}: found a side of ${side}, allowed are multiples of 8 from 8 to 1024`,
        );
      }
    }
    this.#options = options;
    this.#place = cropPlace(options.cropSeed);
  }

  /**
   * Fits one frame.
   *
   * @returns RGB bytes, [height, width, 3] of the target
   * @throws {VideoVqError} `bad-source` where the picture has no pixels or not those of its size.
   */
  fit(picture: Picture): Uint8Array {
    const { width, height, data } = picture;
    if (!(width > 0 && height > 0) || data.length !== width * height * 3) {
      throw new VideoVqError(
        "bad-source",
        `Cannot fit a frame of ${width}x${height}: found ${data.length} bytes, RGB takes ${
          width * height * 3
        }`,
      );
    }
    if (width !== this.#source.width || height !== this.#source.height) this.#prepare(picture);
    const stride = 3 * this.#options.width;
    const out = new Uint8Array(this.#options.height * stride);
    this.#resizer.resize(data, out, this.#at, stride);
    return out;
  }

  #prepare({ width, height }: Picture): void {
    this.#source = { width, height };
    const { scaled, window, to } = makePlan(width, height, this.#options, this.#place);
    this.#resizer = new OpencvBilinear({ width, height }, scaled, window);
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

function offset(room: number, place: number | undefined): number {
  return place === undefined ? room >> 1 : Math.floor((room + 1) * place);
}

/** The size that covers (`crop`) or just fits into (`pad`) the target, sides cut to whole pixels. */
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

/** Where in the room to move a crop lies: the middle, or a place chosen by a seed. */
function cropPlace(seed: number | undefined): Place {
  return seed === undefined ? undefined : [fraction(seed), fraction(seed + 0x6d2b79f5)];
}

/** A number in [0, 1) from a whole number: the finishing steps of MurmurHash3. */
function fraction(seed: number): number {
  let bits = seed | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return ((bits ^ (bits >>> 16)) >>> 0) / 4294967296;
}
