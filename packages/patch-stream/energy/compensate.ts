/**
 * The picture before as it would look now, had only the camera moved and the light changed. What
 * then still differs has moved by itself.
 *
 * A motion or a change of light is believed only where a good part of the picture gains by it: an
 * object that moves over a flat wall is no camera that moves. Whole numbers go in and come out, and
 * nothing is computed that machines do differently, so that every machine finds the same.
 *
 * @module
 */
import { type Change, fitChange, NO_CHANGE, placeBefore, sampleStep } from "./camera_fit.ts";
import { findShifts, halved, type Plane } from "./camera_search.ts";
import type { PlaneSize } from "./energy.ts";

/** Most pixels of the picture on which the camera's motion is found. */
const SEARCH_PIXELS = 1 << 14;
/** Tiles on each axis over which it is judged. */
const TILES = 8;
/** One in so many tiles must gain. */
const GOOD_PART = 3;
/** Luma that a tile must gain, beside a fifth of what is left. */
const LEAST_GAIN = 0.5;
/** Share of the contrast that light must leave: a flat picture explains any, a little. */
const LEAST_CONTRAST = 0.6;
/** Least side of a picture on which a motion is looked for. */
const SMALLEST_SIDE = 16;
/** Difference that counts at most, where two explanations are compared. */
const CAP = 48;

/**
 * Brings the luma of the frame before into the place and the light of the current one. Where that
 * frame shows nothing, beyond its edge, the current luma stands: it counts as no change.
 */
export function compensate(
  current: Uint8Array,
  previous: Uint8Array,
  { width, height }: PlaneSize,
): Uint8Array {
  const plane = (data: Uint8Array) => ({ width, height, data: Float32Array.from(data) });
  const [here, before] = [plane(current), plane(previous)];
  const change = findChange(here, before);
  return change === NO_CHANGE ? previous : changed(here, before, change);
}

/** The simplest change that explains most of the picture. */
export function findChange(current: Plane, previous: Plane): Change {
  const { width, height } = current;
  if (Math.min(width, height) < SMALLEST_SIDE) return NO_CHANGE;
  // Where nothing is to be gained, nothing is searched: a still camera costs next to nothing.
  if (explained(tileErrors(current, previous, NO_CHANGE))) return NO_CHANGE;
  const alike = levels(current, previous);
  const light = fitChange(current, previous, alike, false);
  const keepsContrast = ({ gain }: Change) => gain > LEAST_CONTRAST * alike.gain;
  const first = keepsContrast(light) && gains(current, previous, NO_CHANGE, light)
    ? light
    : NO_CHANGE;
  const moved = findMotion(current, previous, alike);
  return moved && keepsContrast(moved) && gains(current, previous, first, moved) ? moved : first;
}

/** Whether so little differs that no change could gain a good part of the picture. */
function explained(errors: Float64Array): boolean {
  return GOOD_PART * errors.filter((error) => error > LEAST_GAIN).length < errors.length;
}

/** Gain and offset that give both planes the same mean and deviation. */
function levels(current: Plane, previous: Plane): Change {
  const [here, before] = [spread(current.data), spread(previous.data)];
  const gain = Math.min(Math.max(here.deviation / Math.max(before.deviation, 1), 1 / 8), 8);
  return { ...NO_CHANGE, gain, offset: here.mean - gain * before.mean };
}

/** Mean and standard deviation. */
export function spread(values: ArrayLike<number>): { mean: number; deviation: number } {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! ** 2;
  }
  const mean = sum / values.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / values.length - mean ** 2)) };
}

/** The motion that leaves least, found on a small picture and refined on the whole one. */
function findMotion(current: Plane, previous: Plane, light: Change): Change | undefined {
  let [small, before] = [current, previous];
  let times = 1;
  for (; small.width * small.height > SEARCH_PIXELS; times *= 2) {
    [small, before] = [halved(small), halved(before)];
  }
  let best: { change: Change; error: number } | undefined;
  for (const { dx, dy } of findShifts(small, before)) {
    const change = fitChange(small, before, { ...light, dx, dy }, true);
    const error = mean(tileErrors(small, before, change));
    if (!best || error < best.error) best = { change, error };
  }
  if (!best || times === 1) return best?.change;
  const { dx, dy } = best.change;
  return fitChange(current, previous, { ...best.change, dx: dx * times, dy: dy * times }, true);
}

/** Mean over the tiles, where those beyond the edge are no better than chance. */
function mean(errors: Float64Array): number {
  return errors.reduce((sum, error) => sum + (Number.isNaN(error) ? CAP / 4 : error), 0) /
    errors.length;
}

/** Whether a good part of the picture is explained better, and hardly any worse. */
function gains(current: Plane, previous: Plane, from: Change, to: Change): boolean {
  const [old, now] = [from, to].map((change) => tileErrors(current, previous, change));
  let [better, worse] = [0, 0];
  old!.forEach((error, tile) => {
    // Where one of them shows nothing of a tile, the comparisons are false.
    const least = LEAST_GAIN + 0.2 * Math.min(error, now![tile]!);
    if (error - now![tile]! > least) better++;
    if (now![tile]! - error > least) worse++;
  });
  return GOOD_PART * better >= TILES ** 2 && 3 * worse <= better;
}

/** Mean difference that a change leaves in each tile; NaN where the frame before shows none of it. */
function tileErrors(current: Plane, previous: Plane, change: Change): Float64Array {
  const { width, height, data } = current;
  const step = sampleStep(current);
  const sums = new Float64Array(TILES ** 2);
  const counts = new Float64Array(TILES ** 2);
  for (let row = step >> 1; row < height; row += step) {
    for (let column = step >> 1; column < width; column += step) {
      const before = predicted(previous, change, column, row);
      if (before === undefined) continue;
      const tile = Math.floor(row * TILES / height) * TILES + Math.floor(column * TILES / width);
      sums[tile]! += Math.min(CAP, Math.abs(data[row * width + column]! - before));
      counts[tile]!++;
    }
  }
  return sums.map((sum, tile) => sum / counts[tile]!);
}

/** Luma that a pixel would have now, undefined where the frame before does not show it. */
function predicted(previous: Plane, change: Change, x: number, y: number): number | undefined {
  const { width, height, data } = previous;
  const [fromX, fromY] = placeBefore(change, x - width / 2, y - height / 2);
  const [left, top] = [fromX + width / 2, fromY + height / 2];
  if (left < 0 || top < 0 || left > width - 1 || top > height - 1) return;
  const [column, row] = [Math.floor(left), Math.floor(top)];
  const at = row * width + column;
  const [right, below] = [column + 1 < width ? 1 : 0, row + 1 < height ? width : 0];
  const above = data[at]! + (left - column) * (data[at + right]! - data[at]!);
  const under = data[at + below]! +
    (left - column) * (data[at + below + right]! - data[at + below]!);
  const luma = above + (top - row) * (under - above);
  return Math.min(255, Math.max(0, change.gain * luma + change.offset));
}

function changed({ width, height, data }: Plane, previous: Plane, change: Change): Uint8Array {
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      out[at] = (predicted(previous, change, x, y) ?? data[at]!) + 0.5;
    }
  }
  return out;
}
