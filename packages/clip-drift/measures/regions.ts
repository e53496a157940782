/**
 * Which parts of a camera's picture count: polygons that are looked at (`roi`), and polygons that are
 * not (`mask`). They are kept in a file of JSON for all cameras:
 * `{"cameras": {"door": {"roi": [[[0, 0], [0.5, 0], [0.5, 1]]], "mask": []}}}`, in shares of width and
 * height, so that they hold for every size of the picture.
 *
 * @module
 */
import type { RgbImage } from "../clip/preprocess.ts";

/** A point: shares of the width, from the left, and of the height, from the top. */
export type Point = readonly [x: number, y: number];

/** A polygon of three points or more; the last is joined with the first. */
export type Polygon = readonly Point[];

/** What counts of a picture: all of it, or what is in any `roi`, without what is in any `mask`. */
export interface Regions {
  /** What is looked at; none is all. */
  readonly roi: readonly Polygon[];
  /** What is not. */
  readonly mask: readonly Polygon[];
}

/** Regions by the names of cameras. */
export type RegionsByCamera = Readonly<Record<string, Regions>>;

/** Most points of a polygon, polygons of a kind, and cameras in a file. */
const [MAX_POINTS, MAX_POLYGONS, MAX_CAMERAS] = [100, 32, 200];
/** Side of the grid on which something must be left. */
const CHECKED = 128;

/** Whether a point is in a polygon, by the even-odd rule. */
function isIn(polygon: Polygon, x: number, y: number): boolean {
  let isInside = false;
  for (const [i, [ax, ay]] of polygon.entries()) {
    const [bx, by] = polygon.at(i - 1)!;
    if (ay > y !== by > y && x < ax + (bx - ax) * (y - ay) / (by - ay)) isInside = !isInside;
  }
  return isInside;
}

/** A rectangle, in shares of width and height. */
interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const WHOLE: Box = { left: 0, top: 0, width: 1, height: 1 };

/**
 * Which pixels of a picture, or of a part of one, count: 1 for those whose centre does, else 0.
 *
 * @returns shape [height, width]
 */
export function countedPixels(
  { roi, mask }: Regions,
  width: number,
  height: number,
  box: Box = WHOLE,
): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const x = box.left + box.width * (i % width + 0.5) / width;
    const y = box.top + box.height * (Math.floor(i / width) + 0.5) / height;
    const isLookedAt = roi.length === 0 || roi.some((polygon) => isIn(polygon, x, y));
    return Number(isLookedAt && !mask.some((polygon) => isIn(polygon, x, y)));
  });
}

function checkPolygon(points: readonly Point[], what: string): Polygon {
  if (points.length < 3 || points.length > MAX_POINTS) {
    throw new SyntaxError(
      `Cannot read ${what}: found ${points.length} points, expected 3 to ${MAX_POINTS}`,
    );
  }
  const isShare = (value: unknown) => typeof value === "number" && value >= 0 && value <= 1;
  const odd = points.flat().find((value) => !isShare(value));
  if (odd === undefined) return points;
  throw new SyntaxError(
    `Cannot read ${what}: found ${JSON.stringify(odd)}, expected numbers of 0 to 1`,
  );
}

/**
 * Reads a polygon such as `0.1,0.1 0.5,0.1 0.5,0.5`.
 *
 * @throws {SyntaxError} if it is none
 */
export function parsePolygon(text: string): Polygon {
  const points = text.trim().split(/\s+/).map((pair): Point => {
    const match = /^(\d*\.?\d+),(\d*\.?\d+)$/.exec(pair);
    if (match !== null) return [Number(match[1]), Number(match[2])];
    throw new SyntaxError(
      `Cannot read polygon "${text}": found "${pair}", expected points as 0.1,0.1 0.5,0.1 0.5,0.5`,
    );
  });
  return checkPolygon(points, `polygon "${text}"`);
}

/** Whether regions leave anything of the picture. */
export function leaveSomething(regions: Regions): boolean {
  return countedPixels(regions, CHECKED, CHECKED).includes(1);
}

function polygonOf(value: unknown, what: string): Polygon {
  const isPair = (point: unknown) => Array.isArray(point) && point.length === 2;
  if (Array.isArray(value) && value.every(isPair)) return checkPolygon(value, what);
  throw new SyntaxError(`Cannot read ${what}: expected an array of pairs [x, y]`);
}

function polygonsOf(value: unknown, what: string): readonly Polygon[] {
  if (!Array.isArray(value) || value.length > MAX_POLYGONS) {
    throw new SyntaxError(
      `Cannot read ${what}: expected an array of at most ${MAX_POLYGONS} polygons`,
    );
  }
  return value.map((polygon, i) => polygonOf(polygon, `polygon ${i} of ${what}`));
}

/** The fields of an object, which has no others than those that are named. */
function fieldsOf(value: unknown, what: string, allowed?: readonly string[]): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SyntaxError(`Cannot read ${what}: expected an object`);
  }
  const fields = Object.entries(value);
  const other = fields.find(([key]) => allowed?.includes(key) === false);
  if (other === undefined) return fields;
  throw new SyntaxError(
    `Cannot read ${what}: found ${JSON.stringify(other[0])}, expected ${allowed!.join(", ")}`,
  );
}

function regionsOf(value: unknown, name: string): Regions {
  const what = `the regions of camera ${JSON.stringify(name)}`;
  const { roi = [], mask = [] } = Object.fromEntries(fieldsOf(value, what, ["roi", "mask"]));
  const regions = {
    roi: polygonsOf(roi, `roi of ${what}`),
    mask: polygonsOf(mask, `mask of ${what}`),
  };
  if (leaveSomething(regions)) return regions;
  throw new SyntaxError(`Cannot use ${what}: they leave nothing of the picture`);
}

/**
 * Reads a file of regions.
 *
 * @throws {SyntaxError} if it is none; the message says what is wrong where
 */
export function parseRegions(text: string): RegionsByCamera {
  const { cameras = {} } = Object.fromEntries(
    fieldsOf(JSON.parse(text), "regions", ["cameras"]),
  );
  const all = fieldsOf(cameras, "cameras of regions");
  if (all.length > MAX_CAMERAS) {
    throw new SyntaxError(
      `Cannot read regions: found ${all.length} cameras, expected at most ${MAX_CAMERAS}`,
    );
  }
  return Object.fromEntries(all.map(([name, value]) => [name, regionsOf(value, name)]));
}

/** What of pictures of one size counts. */
interface Area {
  readonly width: number;
  readonly height: number;
  readonly counted: Uint8Array;
  /** The least rectangle that has all of it, in pixels. */
  readonly box: Box;
}

function areaOf(regions: Regions, width: number, height: number): Area {
  const counted = countedPixels(regions, width, height);
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let i = 0; i < counted.length; i++) {
    if (counted[i] === 0) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
  }
  // Of a picture too small for the regions, all.
  const box = right === 0
    ? { left: 0, top: 0, width, height }
    : { left, top, width: right - left, height: bottom - top };
  return { width, height, counted: right === 0 ? counted.fill(1) : counted, box };
}

/** Mean colour of what counts. */
function meanColour({ data }: RgbImage, counted: Uint8Array): readonly number[] {
  const sums = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < counted.length; i++) {
    if (counted[i] === 0) continue;
    count++;
    for (let c = 0; c < 3; c++) sums[c]! += data[3 * i + c]!;
  }
  return sums.map((sum) => Math.round(sum / count));
}

/** Regions of one camera, applied to its pictures. */
export class RegionFilter {
  readonly #regions: Regions;
  #area: Area | undefined;
  #small: { readonly width: number; readonly counted: Uint8Array } | undefined;

  /** Takes what counts. */
  constructor(regions: Regions) {
    this.#regions = regions;
  }

  /**
   * The part of a picture that counts: the least rectangle around it, in which what does not count
   * has the mean colour of what does.
   */
  apply(image: RgbImage): RgbImage {
    const { counted, box } = this.#areaOf(image.width, image.height);
    const colour = meanColour(image, counted);
    const data = new Uint8Array(3 * box.width * box.height);
    for (let row = 0; row < box.height; row++) {
      const from = (box.top + row) * image.width + box.left;
      data.set(image.data.subarray(3 * from, 3 * (from + box.width)), 3 * row * box.width);
      for (let i = 0; i < box.width; i++) {
        if (counted[from + i] === 0) data.set(colour, 3 * (row * box.width + i));
      }
    }
    return { width: box.width, height: box.height, data };
  }

  /** Which pixels of a small copy of what {@linkcode apply} gave last count, shape [height, width]. */
  countedIn(width: number, height: number): Uint8Array {
    const isSame = this.#small?.width === width && this.#small.counted.length === width * height;
    if (isSame) return this.#small!.counted;
    const area = this.#area!;
    const box = {
      ...{ left: area.box.left / area.width, width: area.box.width / area.width },
      ...{ top: area.box.top / area.height, height: area.box.height / area.height },
    };
    const counted = countedPixels(this.#regions, width, height, box);
    this.#small = { width, counted };
    return counted;
  }

  #areaOf(width: number, height: number): Area {
    if (this.#area?.width === width && this.#area.height === height) return this.#area;
    this.#small = undefined;
    return this.#area = areaOf(this.#regions, width, height);
  }
}
