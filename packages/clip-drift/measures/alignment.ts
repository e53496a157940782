/**
 * How a picture lies over another: shift, rotation and zoom of what most of it shows. Tiles vote,
 * so that people and cars in front of a background do not move the camera.
 *
 * @module
 */
import { fft2, phaseShift, type Spectrum } from "./fft.ts";
import type { Grey } from "./grey.ts";

/** A similarity about the centre: zoom, rotation in radians, shift in pixels. */
export interface Transform {
  /** 1 is the same size, more is nearer. */
  readonly zoom: number;
  /** Clockwise, in radians. */
  readonly angle: number;
  /** To the right, in pixels. */
  readonly x: number;
  /** Down, in pixels. */
  readonly y: number;
}

/** The transform that leaves everything where it is. */
export const STILL: Transform = { zoom: 1, angle: 0, x: 0, y: 0 };

/** Side of a tile. */
const TILE = 16;
const PIXELS = TILE * TILE;
/** Pixels in each direction in which a tile is looked for. */
const REACH = 3;
/** Deviation of a tile from which it has enough texture to vote. */
const TEXTURE = 0.04;
/** Tiles that must have enough. */
const LEAST_TILES = 6;
/** Share of the reference's tiles with texture that must still be in the picture. */
const OVERLAP = 0.4;
/** Correlation from which a tile is found again. */
const FOUND = 0.6;
/** Pixels by which a vote may differ from what is voted for. */
const TOLERANCE = 1;
/** Share of the width beyond which a shift is no longer the same scene, but one like it. */
const FARTHEST = 0.2;
/** Side of the squares of the coarse search, which looks at every other pixel. */
const SQUARE = 64;

/** Where a tile of the reference is found: its centre from the picture's, and its shift. */
interface Vote {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
}

/** Where a point of the reference lies, from the centre. */
export function moveBy({ zoom, angle, x, y }: Transform, px: number, py: number): [number, number] {
  const [c, s] = [zoom * Math.cos(angle), zoom * Math.sin(angle)];
  return [c * px - s * py + x, s * px + c * py + y];
}

/** A picture as the transform shows it; NaN where nothing of it is. */
export function warp({ width, height, data }: Grey, { zoom, angle, x, y }: Transform): Grey {
  const out = new Float32Array(data.length);
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  const [c, s] = [Math.cos(angle) / zoom, Math.sin(angle) / zoom];
  for (let i = 0; i < out.length; i++) {
    const [px, py] = [i % width - cx - x, Math.floor(i / width) - cy - y];
    const [sx, sy] = [c * px + s * py + cx, c * py - s * px + cy];
    const [x0, y0] = [Math.floor(sx), Math.floor(sy)];
    const [fx, fy] = [sx - x0, sy - y0];
    const at = y0 * width + x0;
    const isInside = x0 >= 0 && y0 >= 0 && x0 + (fx > 0 ? 1 : 0) < width &&
      y0 + (fy > 0 ? 1 : 0) < height;
    if (!isInside) out[i] = NaN;
    else {
      const [right, down] = [fx > 0 ? 1 : 0, fy > 0 ? width : 0];
      const top = data[at]! * (1 - fx) + data[at + right]! * fx;
      out[i] = top * (1 - fy) + (data[at + down]! * (1 - fx) + data[at + down + right]! * fx) * fy;
    }
  }
  return { width, height, data: out };
}

/** Sum of a tile, and its squared deviation, times its pixels. */
interface Moments {
  readonly sum: number;
  readonly squares: number;
}

function momentsOf({ data, width }: Grey, at: number): Moments {
  let sum = 0;
  let squares = 0;
  for (let row = 0; row < TILE; row++) {
    const start = at + row * width;
    for (let i = start; i < start + TILE; i++) {
      const value = data[i]!;
      sum += value;
      squares += value * value;
    }
  }
  return { sum, squares: squares - sum * sum / PIXELS };
}

/** Whether the tile at an index has enough texture to vote; one of which a part is missing has not. */
function isTextured({ squares }: Moments): boolean {
  return squares > PIXELS * TEXTURE ** 2;
}

/** Correlation of a tile of `a` at an index, whose moments are known, with one of `b`. */
function correlation(a: Grey, b: Grey, at: number, to: number, first: Moments): number {
  let [product, sum, squares] = [0, 0, 0];
  const skip = to - at;
  for (let row = 0; row < TILE; row++) {
    const start = at + row * a.width;
    for (let i = start; i < start + TILE; i++) {
      const value = b.data[i + skip]!;
      product += a.data[i]! * value;
      sum += value;
      squares += value * value;
    }
  }
  const second = squares - sum * sum / PIXELS;
  return second <= 0 ? 0 : (product - first.sum * sum / PIXELS) / Math.sqrt(first.squares * second);
}

/** The peak between three values, from the middle one. */
function peakOf(before: number, middle: number, after: number): number {
  const bend = before - 2 * middle + after;
  return bend < 0 ? Math.max(-0.5, Math.min(0.5, (before - after) / (2 * bend))) : 0;
}

/** Where a tile is found within its reach; undefined if nowhere, null if it has no texture. */
function findTile(a: Grey, b: Grey, left: number, top: number): Vote | undefined | null {
  const at = top * a.width + left;
  const moments = momentsOf(a, at);
  if (!isTextured(moments)) return null;
  const side = 2 * REACH + 1;
  const scores = Array.from({ length: side * side }, (_, i) => {
    const [dx, dy] = [i % side - REACH, Math.floor(i / side) - REACH];
    const [x, y] = [left + dx, top + dy];
    const isInside = x >= 0 && y >= 0 && x + TILE <= b.width && y + TILE <= b.height;
    return isInside ? correlation(a, b, at, y * b.width + x, moments) : -1;
  });
  const best = scores.indexOf(Math.max(...scores));
  const [column, row] = [best % side, Math.floor(best / side)];
  const isEdge = column === 0 || row === 0 || column === side - 1 || row === side - 1;
  if (scores[best]! < FOUND || isEdge) return undefined;
  const score = (step: number) => scores[best + step]!;
  return {
    x: left + (TILE - a.width) / 2,
    y: top + (TILE - a.height) / 2,
    dx: column - REACH + peakOf(score(-1), score(0), score(1)),
    dy: row - REACH + peakOf(score(-side), score(0), score(side)),
  };
}

/** The similarity that fits votes best, by least squares; there must be two or more. */
function fit(votes: readonly Vote[]): Transform {
  const mean = (value: (vote: Vote) => number) =>
    votes.reduce((sum, vote) => sum + value(vote), 0) / votes.length;
  const [cx, cy] = [mean(({ x }) => x), mean(({ y }) => y)];
  const [ux, uy] = [mean(({ x, dx }) => x + dx), mean(({ y, dy }) => y + dy)];
  let [along, across, squares] = [0, 0, 0];
  for (const { x, y, dx, dy } of votes) {
    const [px, py, qx, qy] = [x - cx, y - cy, x + dx - ux, y + dy - uy];
    along += px * qx + py * qy;
    across += px * qy - py * qx;
    squares += px * px + py * py;
  }
  const [c, s] = [along / squares, across / squares];
  const [x, y] = [ux - (c * cx - s * cy), uy - (s * cx + c * cy)];
  return { zoom: Math.hypot(c, s), angle: Math.atan2(s, c), x, y };
}

function agrees(transform: Transform, { x, y, dx, dy }: Vote): boolean {
  const [toX, toY] = moveBy(transform, x, y);
  return Math.hypot(toX - x - dx, toY - y - dy) <= TOLERANCE;
}

/** What most votes agree on, and how many do. */
function majority(votes: readonly Vote[]): { transform: Transform; count: number } {
  let best = { transform: STILL, count: votes.filter((vote) => agrees(STILL, vote)).length };
  for (const [i, a] of votes.entries()) {
    for (const b of votes.slice(i + 1)) {
      // Neighbours say little about zoom and rotation.
      if (Math.hypot(b.x - a.x, b.y - a.y) < 2 * TILE) continue;
      const transform = fit([a, b]);
      const count = votes.filter((vote) => agrees(transform, vote)).length;
      if (count > best.count) best = { transform, count };
    }
  }
  const those = votes.filter((vote) => agrees(best.transform, vote));
  return those.length < 2 ? best : { ...best, transform: fit(those) };
}

/** Upper left corners of the tiles. */
function* corners({ width, height }: Grey): Generator<[number, number]> {
  for (let top = 0; top + TILE <= height; top += TILE) {
    for (let left = 0; left + TILE <= width; left += TILE) yield [left, top];
  }
}

function texturedTiles(picture: Grey): number {
  return [...corners(picture)]
    .filter(([left, top]) => isTextured(momentsOf(picture, top * picture.width + left))).length;
}

/** The transform `second` after `first`. */
function compose(first: Transform, second: Transform): Transform {
  const [x, y] = moveBy(second, first.x, first.y);
  return { zoom: first.zoom * second.zoom, angle: first.angle + second.angle, x, y };
}

/**
 * Looks for a picture near a place where it may be, at most three pixels away.
 *
 * @returns undefined, if it is not what more than half of the picture shows
 */
export function refine(
  reference: Grey,
  picture: Grey,
  guess: Transform = STILL,
): Transform | undefined {
  const guessed = guess === STILL ? reference : warp(reference, guess);
  const votes: Vote[] = [];
  let textured = 0;
  for (const [left, top] of corners(picture)) {
    const vote = findTile(guessed, picture, left, top);
    if (vote === null) continue;
    textured++;
    if (vote !== undefined) votes.push(vote);
  }
  const isFew = textured < LEAST_TILES || textured < OVERLAP * texturedTiles(reference);
  if (isFew || votes.length * 2 <= textured) return undefined;
  const { transform, count } = majority(votes);
  return count * 2 > textured ? compose(guess, transform) : undefined;
}

/** A picture of half the size; NaN where any pixel is missing. */
function halved({ width, height, data }: Grey): Grey {
  const [columns, rows] = [width >> 1, height >> 1];
  const half = Float32Array.from({ length: columns * rows }, (_, i) => {
    const at = 2 * (Math.floor(i / columns) * width + i % columns);
    return (data[at]! + data[at + 1]! + data[at + width]! + data[at + width + 1]!) / 4;
  });
  return { width: columns, height: rows, data: half };
}

/** The spectrum of a picture in the middle of a square, with soft edges. */
function spectrum({ width, height, data }: Grey): Spectrum {
  const re = new Float64Array(SQUARE * SQUARE);
  const soft = (i: number, n: number) => Math.sin(Math.PI * (i + 0.5) / n);
  const [left, top] = [(SQUARE - width) >> 1, (SQUARE - height) >> 1];
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const value = data[i]!;
    if (Number.isNaN(value)) continue;
    re[(y + top) * SQUARE + x + left] = value * Math.sqrt(soft(x, width) * soft(y, height));
  }
  return fft2({ side: SQUARE, re, im: new Float64Array(SQUARE * SQUARE) });
}

/** Rotations and zooms among which the coarse search looks, fine enough for {@linkcode refine}. */
const ATTITUDES: readonly Transform[] = [
  ...[0, 1.5, -1.5, 3, -3, 4.5, -4.5, 6, -6, 7.5, -7.5].map((degrees) => ({
    ...STILL,
    angle: degrees * Math.PI / 180,
  })),
  ...[-7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7].map((step) => ({
    ...STILL,
    zoom: 1.04 ** step,
  })),
];

/** Correlation of two pictures, where nothing of the first is missing. */
function likeness(a: Grey, b: Grey): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.data.length; i++) {
    const [x, y] = [a.data[i]!, b.data[i]!];
    if (Number.isNaN(x)) continue;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb + 1e-9);
}

/** The likeliest places of a reference in a picture, the best first. */
function search(reference: Grey, picture: Grey): Transform[] {
  const [small, target] = [halved(reference), halved(picture)];
  const wanted = spectrum(target);
  const isNear = ({ x, y }: Transform) => Math.hypot(x, y) <= FARTHEST * small.width;
  const found = ATTITUDES.map((attitude) => {
    const { x, y } = phaseShift(spectrum(warp(small, attitude)), wanted);
    const place = { ...attitude, x, y };
    return { place, score: isNear(place) ? likeness(warp(small, place), target) : -1 };
  });
  return found.sort((a, b) => b.score - a.score).slice(0, 6)
    .map(({ place }) => ({ ...place, x: 2 * place.x, y: 2 * place.y }));
}

/**
 * How a picture lies over a reference of the same size.
 *
 * @param reference detail of a picture
 * @param picture the same of another
 * @param guess where it was found last
 * @returns undefined, if most of it shows something else, or too little
 */
export function align(
  reference: Grey,
  picture: Grey,
  guess: Transform = STILL,
): Transform | undefined {
  const near = (guess === STILL ? undefined : refine(reference, picture, guess)) ??
    refine(reference, picture, STILL);
  if (near !== undefined) return near;
  for (const place of search(reference, picture)) {
    const found = refine(reference, picture, place);
    // A second look from there is finer.
    if (found !== undefined) return refine(reference, picture, found) ?? found;
  }
  return undefined;
}
