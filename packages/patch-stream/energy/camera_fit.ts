/**
 * How one picture comes out of the one before: an affine motion of the camera, a gain and an
 * offset of the light, fitted to most of the picture. What does not follow has little weight.
 *
 * @module
 */
import type { Plane } from "./camera_search.ts";

/**
 * A pixel at (x, y), counted from the middle of the picture, was at (x + dx + xx·x + xy·y,
 * y + dy + yx·x + yy·y), and its luma is gain times what it was, plus offset.
 */
export interface Change {
  /** Columns to the right in the picture before. */
  readonly dx: number;
  /** Rows below in the picture before. */
  readonly dy: number;
  /** Linear part of the motion, row by row: 0 for a plain shift. */
  readonly linear: readonly [xx: number, xy: number, yx: number, yy: number];
  /** Factor of luma. */
  readonly gain: number;
  /** What is added to luma. */
  readonly offset: number;
}

/** No motion and the same light. */
export const NO_CHANGE: Change = { dx: 0, dy: 0, linear: [0, 0, 0, 0], gain: 1, offset: 0 };

/** Largest share by which the picture may be stretched, turned or sheared. */
const MOST_LINEAR = 0.25;
/** Gains that light can have: beyond them nothing is known of the picture before. */
const GAINS = [1 / 16, 16] as const;
/** Samples of the picture on which a change is fitted, about. */
const SAMPLES = 2000;
/** Luma at which a pixel is as dark or bright as it can be, and says nothing about a gain. */
const CLIPPED = [2, 253] as const;
/** Most steps of the fit, and the step in pixels and luma below which it has settled. */
const STEPS = 8;
const SETTLED = 0.02;
/** Unknowns: dx, xx, xy, dy, yx, yy, gain, offset. */
const UNKNOWNS = 8;

/** A grid of samples over a plane. */
export function sampleStep({ width, height }: Plane): number {
  return Math.max(1, Math.floor(Math.sqrt(width * height / SAMPLES)));
}

/** Where a pixel was, from the middle of the picture. */
export function placeBefore({ dx, dy, linear }: Change, x: number, y: number): [number, number] {
  const [xx, xy, yx, yy] = linear;
  return [x + dx + xx * x + xy * y, y + dy + yx * x + yy * y];
}

/** Fits a change of light alone, or of camera and light, from a first guess on. */
export function fitChange(
  current: Plane,
  previous: Plane,
  guess: Change,
  moves: boolean,
): Change {
  let change = guess;
  for (let step = 0; step < STEPS; step++) {
    const samples = takeSamples(current, previous, change);
    if (samples.length < 4 * UNKNOWNS * SAMPLE) return change;
    const update = solve(samples, change.gain, moves);
    const next = applied(change, update, current);
    if (!isPlausible(next, current)) return change;
    change = next;
    if (update.every((part) => Math.abs(part) < SETTLED)) break;
  }
  return change;
}

/** Numbers of a sample: x, y, from -1 to 1; residual, luma before, its slope across and down. */
const SAMPLE = 6;

/** What a change leaves at samples where both pictures show something that is not clipped. */
function takeSamples(current: Plane, previous: Plane, change: Change): Float64Array {
  const { width, height } = current;
  const step = sampleStep(current);
  const samples = new Float64Array(SAMPLE * Math.ceil(width / step) * Math.ceil(height / step));
  let end = 0;
  for (let row = step >> 1; row < height; row += step) {
    for (let column = step >> 1; column < width; column += step) {
      const x = column - width / 2;
      const y = row - height / 2;
      const luma = current.data[row * width + column]!;
      if (isClipped(luma) || !readBefore(previous, change, x, y, samples, end + 3)) continue;
      samples[end] = 2 * x / width;
      samples[end + 1] = 2 * y / height;
      samples[end + 2] = luma - change.gain * samples[end + 3]! - change.offset;
      end += SAMPLE;
    }
  }
  return samples.subarray(0, end);
}

function isClipped(luma: number): boolean {
  return luma < CLIPPED[0] || luma > CLIPPED[1];
}

/** Writes luma where a pixel was and its slopes; false outside of the picture and at clipped luma. */
function readBefore(
  { width, height, data }: Plane,
  { dx, dy, linear }: Change,
  x: number,
  y: number,
  out: Float64Array,
  to: number,
): boolean {
  const left = x + dx + linear[0] * x + linear[1] * y + width / 2;
  const top = y + dy + linear[2] * x + linear[3] * y + height / 2;
  const column = Math.floor(left);
  const row = Math.floor(top);
  if (column < 0 || row < 0 || column >= width - 1 || row >= height - 1) return false;
  const at = row * width + column;
  const a = data[at]!;
  const c = data[at + width]!;
  const across = data[at + 1]! - a;
  const twist = data[at + width + 1]! - c - across;
  const down = c - a + (left - column) * twist;
  out[to] = a + (left - column) * across + (top - row) * down;
  out[to + 1] = across + (top - row) * twist;
  out[to + 2] = down;
  return !isClipped(out[to]!);
}

/** One Gauss-Newton step of weighted least squares. */
function solve(samples: Float64Array, gain: number, moves: boolean): Float64Array {
  const scale = (2 + 3 * medianResidual(samples)) ** 2;
  const matrix = new Float64Array(UNKNOWNS ** 2);
  const right = new Float64Array(UNKNOWNS);
  const slopes = new Float64Array(UNKNOWNS);
  slopes[7] = 1;
  for (let at = 0; at < samples.length; at += SAMPLE) {
    const residual = samples[at + 2]!;
    const weight = (scale / (scale + residual * residual)) ** 2;
    for (let axis = 0; moves && axis < 2; axis++) {
      const slope = gain * samples[at + 4 + axis]!;
      slopes[3 * axis] = slope;
      slopes[3 * axis + 1] = slope * samples[at]!;
      slopes[3 * axis + 2] = slope * samples[at + 1]!;
    }
    slopes[6] = samples[at + 3]! / 128;
    for (let i = 0; i < UNKNOWNS; i++) {
      const weighted = weight * slopes[i]!;
      right[i]! += weighted * residual;
      for (let j = i; j < UNKNOWNS; j++) matrix[i * UNKNOWNS + j]! += weighted * slopes[j]!;
    }
  }
  damp(matrix, samples.length / SAMPLE);
  return solved(matrix, right);
}

/** Median of the residuals' sizes, whole. */
function medianResidual(samples: Float64Array): number {
  const counts = new Uint32Array(256);
  for (let at = 2; at < samples.length; at += SAMPLE) {
    counts[Math.min(255, Math.floor(Math.abs(samples[at]!)))]!++;
  }
  let median = 0;
  for (let below = counts[0]!; 2 * below < samples.length / SAMPLE; below += counts[median]!) {
    median++;
  }
  return median;
}

/** What samples say nothing about stays as it is. */
function damp(matrix: Float64Array, samples: number): void {
  for (let i = 0; i < UNKNOWNS; i++) {
    matrix[i * UNKNOWNS + i]! += 1e-3 * samples;
    for (let j = 0; j < i; j++) matrix[i * UNKNOWNS + j] = matrix[j * UNKNOWNS + i]!;
  }
}

/** Solution of a system with a positive definite matrix, by elimination. */
function solved(matrix: Float64Array, right: Float64Array): Float64Array {
  const n = right.length;
  for (let i = 0; i < n; i++) {
    for (let row = i + 1; row < n; row++) {
      const factor = matrix[row * n + i]! / matrix[i * n + i]!;
      for (let j = i; j < n; j++) matrix[row * n + j]! -= factor * matrix[i * n + j]!;
      right[row]! -= factor * right[i]!;
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let j = i + 1; j < n; j++) right[i]! -= matrix[i * n + j]! * right[j]!;
    right[i]! /= matrix[i * n + i]!;
  }
  return right;
}

function applied(change: Change, update: Float64Array, { width, height }: Plane): Change {
  const [dx, xx, xy, dy, yx, yy, gain, offset] = update as unknown as number[] as [
    ...[number, number, number, number, number, number, number, number],
  ];
  const [a, b, c, d] = change.linear;
  return {
    dx: change.dx + dx,
    dy: change.dy + dy,
    linear: [
      ...[a + 2 * xx / width, b + 2 * xy / height] as const,
      ...[c + 2 * yx / width, d + 2 * yy / height] as const,
    ],
    gain: change.gain + gain / 128,
    offset: change.offset + offset,
  };
}

function isPlausible({ dx, dy, linear, gain }: Change, { width, height }: Plane): boolean {
  return Math.abs(dx) < width && Math.abs(dy) < height && gain > GAINS[0] && gain < GAINS[1] &&
    linear.every((part) => Math.abs(part) < MOST_LINEAR);
}
