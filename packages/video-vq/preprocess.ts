/**
 * Frames of any size to the network's square, bit for bit as the original's loader does it with
 * OpenCV: the short side is scaled to the target by bilinear interpolation without antialiasing
 * (`INTER_LINEAR` on bytes: 11-bit weights, two rounding steps), the long side to
 * `trunc(target · long / short)`, then the target is cut out. Only the pixels that remain are
 * computed.
 *
 * @module
 */
import { VideoVqError } from "./errors.ts";

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

/** What is taken from where: the resized picture's size and the rectangle of it that is kept. */
interface Plan {
  readonly scaled: { readonly width: number; readonly height: number };
  readonly from: { readonly x: number; readonly y: number };
  readonly to: { readonly x: number; readonly y: number };
  readonly width: number;
  readonly height: number;
}

/** Across and down, each in [0, 1); undefined for the middle. */
type Place = readonly [number, number] | undefined;

/** Positions and 11-bit weights of the two neighbours of each output row or column. */
interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly lowWeight: Int32Array;
  readonly highWeight: Int32Array;
}

/**
 * Makes frames fit. Frames of one clip may change their size: the plan is made anew then.
 *
 * @example The middle of a wide picture
 * ```ts
 * import { FrameFitter } from "@vcs/video-vq/preprocess";
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
  #plan!: Plan;
  #columns!: Taps;
  #rows!: Taps;

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
    return this.#resize(picture);
  }

  #prepare({ width, height }: Picture): void {
    this.#source = { width, height };
    const plan = this.#plan = makePlan(width, height, this.#options, this.#place);
    this.#columns = columnTaps(width, plan.scaled.width, plan.from.x, plan.width);
    this.#rows = rowTaps(height, plan.scaled.height, plan.from.y, plan.height);
  }

  #resize(picture: Picture): Uint8Array {
    const { width, height } = this.#options;
    const plan = this.#plan;
    const out = new Uint8Array(width * height * 3);
    const lines = new LineCache(picture, this.#columns, plan.scaled.width === picture.width);
    const { low, high, lowWeight, highWeight } = this.#rows;
    const untouched = plan.scaled.height === picture.height;
    for (let y = 0; y < plan.height; y++) {
      const upper = lines.get(low[y]!);
      const lower = lines.get(high[y]!);
      const row = out.subarray(((plan.to.y + y) * width + plan.to.x) * 3);
      blend(row, upper, lower, untouched ? 2048 : lowWeight[y]!, untouched ? 0 : highWeight[y]!);
    }
    return out;
  }
}

/** The last rows that were scaled across: neighbouring output rows share them. */
class LineCache {
  readonly #lines: [Int32Array, Int32Array];
  readonly #numbers = [-1, -1];
  readonly #picture: Picture;
  readonly #taps: Taps;
  readonly #copy: boolean;
  #oldest = 0;

  constructor(picture: Picture, taps: Taps, copy: boolean) {
    this.#picture = picture;
    this.#taps = taps;
    this.#copy = copy;
    const length = taps.low.length * 3;
    this.#lines = [new Int32Array(length), new Int32Array(length)];
  }

  get(y: number): Int32Array {
    const held = this.#numbers.indexOf(y);
    if (held >= 0) {
      this.#oldest = 1 - held;
      return this.#lines[held]!;
    }
    const slot = this.#oldest;
    this.#numbers[slot] = y;
    this.#oldest = 1 - slot;
    this.#fill(this.#lines[slot]!, y * this.#picture.width * 3);
    return this.#lines[slot]!;
  }

  /** The horizontal pass: sums of two pixels with weights that add up to 2,048. */
  #fill(line: Int32Array, start: number): void {
    const { low, high, lowWeight, highWeight } = this.#taps;
    const { data } = this.#picture;
    for (let x = 0; x < low.length; x++) {
      const at = 3 * x;
      const a = start + low[x]! * 3;
      const b = start + high[x]! * 3;
      const wa = this.#copy ? 2048 : lowWeight[x]!;
      const wb = this.#copy ? 0 : highWeight[x]!;
      line[at] = data[a]! * wa + data[b]! * wb;
      line[at + 1] = data[a + 1]! * wa + data[b + 1]! * wb;
      line[at + 2] = data[a + 2]! * wa + data[b + 2]! * wb;
    }
  }
}

/** The vertical pass, with OpenCV's two truncations and its rounding at the end. */
function blend(
  row: Uint8Array,
  upper: Int32Array,
  lower: Int32Array,
  upperWeight: number,
  lowerWeight: number,
): void {
  for (let i = 0; i < upper.length; i++) {
    const sum = ((upperWeight * (upper[i]! >> 4)) >> 16) + ((lowerWeight * (lower[i]! >> 4)) >> 16);
    const value = (sum + 2) >> 2;
    row[i] = value > 255 ? 255 : value;
  }
}

function makePlan(
  width: number,
  height: number,
  options: FitOptions,
  place: Place,
): Plan {
  const target = { width: options.width, height: options.height };
  const origin = { x: 0, y: 0 };
  if (options.fit === "stretch") return { scaled: target, from: origin, to: origin, ...target };
  const scaled = scaledSize(width, height, target, options.fit ?? "crop");
  if (options.fit === "pad") {
    const to = {
      x: (target.width - scaled.width) >> 1,
      y: (target.height - scaled.height) >> 1,
    };
    return { scaled, from: origin, to, ...scaled };
  }
  const from = {
    x: offset(scaled.width - target.width, place?.[0]),
    y: offset(scaled.height - target.height, place?.[1]),
  };
  return { scaled, from, to: origin, ...target };
}

function offset(room: number, place: number | undefined): number {
  return place === undefined ? room >> 1 : Math.floor((room + 1) * place);
}

/** The size that covers (`crop`) or just fits into (`pad`) the target, sides cut to whole pixels. */
function scaledSize(
  width: number,
  height: number,
  target: { width: number; height: number },
  fit: "crop" | "pad",
): { width: number; height: number } {
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

/** Columns: at the borders the neighbour is dropped before the weights are computed. */
function columnTaps(from: number, to: number, start: number, count: number): Taps {
  return makeTaps(from, to, start, count, (low, part) => {
    if (low < 0) return [0, 0];
    return low >= from - 1 ? [from - 1, 0] : [low, part];
  });
}

/** Rows: the weights stay, only the rows that they point to are kept inside the picture. */
function rowTaps(from: number, to: number, start: number, count: number): Taps {
  return makeTaps(from, to, start, count, (low, part) => [low, part]);
}

function makeTaps(
  from: number,
  to: number,
  start: number,
  count: number,
  border: (low: number, part: number) => [number, number],
): Taps {
  const taps: Taps = {
    low: new Int32Array(count),
    high: new Int32Array(count),
    lowWeight: new Int32Array(count),
    highWeight: new Int32Array(count),
  };
  const last = from - 1;
  for (let i = 0; i < count; i++) {
    const position = Math.fround((start + i + 0.5) * (from / to) - 0.5);
    const whole = Math.floor(position);
    const [low, part] = border(whole, Math.fround(position - whole));
    taps.low[i] = Math.min(Math.max(low, 0), last);
    taps.high[i] = Math.min(Math.max(low + 1, 0), last);
    taps.lowWeight[i] = roundHalfEven(Math.fround(Math.fround(1 - part) * 2048));
    taps.highWeight[i] = roundHalfEven(Math.fround(part * 2048));
  }
  return taps;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
