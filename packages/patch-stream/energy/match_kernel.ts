/**
 * Motion of single pixels between two luma planes, as codec-patch-stream finds it: of the
 * displacements up to `radius` in scan order, the first with the least absolute difference.
 *
 * @module
 */
import {
  type Code,
  f32x4,
  i32,
  Kernel,
  type KernelFunction,
  Locals,
  repeat,
  v128,
} from "@vcs/media/internal";

/** Luma outside the frame: so far off that no displacement leads there. */
export const OUTSIDE = 1e9;

/** Bytes of a vector. */
const STEP = 16;

/**
 * match(current, previous, residual, motion, rows, rowBytes): planes of float32. The previous
 * plane has `radius` more rows and columns on every side; the others have rows of `rowBytes`.
 */
function matchFunction(radius: number): KernelFunction {
  const locals = new Locals("current", "previous", "residual", "motion", "rows", "rowBytes");
  const { current, previous, residual, motion, rows, rowBytes } = locals.parameters;
  const { left } = locals.add("i32", "left");
  const numbers = Array.from({ length: 2 * radius + 1 }, (_, n) => `line ${n}`);
  const lines = Object.values(locals.add("i32", ...numbers));
  const vectors = locals.add("v128", "best", "step", "error", "better", "here");
  const { best, step, error, better, here } = vectors;

  const tryDisplacement = (dy: number, dx: number): Code => [
    ...error.set(f32x4.abs(
      f32x4.sub(here.get, v128.load(lines[radius - dy]!.get, 4 * (radius - dx))),
    )),
    ...better.set(f32x4.lt(error.get, best.get)),
    ...best.set(f32x4.pmin(best.get, error.get)),
    ...step.set(v128.bitselect(f32x4.const(Math.hypot(dy, dx)), step.get, better.get)),
  ];
  const fourPixels = [
    here.set(v128.load(current.get)),
    best.set(f32x4.const(Infinity)),
    step.set(f32x4.const(0)),
    ...displacements(radius).map(([dy, dx]) => tryDisplacement(dy, dx)),
    v128.store(residual.get, best.get),
    v128.store(motion.get, step.get),
    ...[current, residual, motion, ...lines].map((pointer) => pointer.advance(STEP)),
    left.advance(-STEP),
  ];
  const row = [
    left.set(rowBytes.get),
    repeat(fourPixels, left.get),
    ...lines.map((line) => line.advance(8 * radius)),
    rows.advance(-1),
  ];
  const lineStride = i32.add(rowBytes.get, i32.const(8 * radius));
  const setLines = lines.map((line, n) =>
    line.set(i32.add(previous.get, i32.mul(lineStride, i32.const(n))))
  );
  return { locals, body: [...setLines, repeat(row, rows.get)] };
}

/** Displacements in scan order: dy outer, dx inner. */
function displacements(radius: number): [number, number][] {
  const side = 2 * radius + 1;
  return Array.from(
    { length: side * side },
    (_, n) => [Math.floor(n / side) - radius, n % side - radius],
  );
}

/** Longest displacement on each axis for planes of [rows, columns]. */
export function matchRadius(rows: number, columns: number): number {
  return Math.max(1, Math.min(4, Math.floor(Math.min(rows, columns) / 2)));
}

/** What pixel matching found, [rows, columns] each with `stride` elements to a row. */
export interface PixelMatch {
  /** Least absolute luma difference. */
  readonly residual: Float32Array;
  /** Length of the displacement in pixels. */
  readonly motion: Float32Array;
}

/** Matches planes of one size, again and again, in memory of its own. */
export class PixelMatcher {
  readonly #radius: number;
  readonly #columns: number;
  readonly #rows: number;
  readonly #kernel: Kernel<"match">;

  /** Prepares for planes of [rows, columns]. */
  constructor(rows: number, columns: number) {
    this.#rows = rows;
    this.#columns = columns;
    this.#radius = matchRadius(rows, columns);
    this.#kernel = new Kernel({ match: matchFunction(this.#radius) });
  }

  /** Matches each pixel of the current plane to the previous one. */
  match(current: Float32Array, previous: Float32Array): PixelMatch {
    const rows = this.#rows;
    const columns = this.#columns;
    const radius = this.#radius;
    const stride = Math.ceil(columns / 4) * 4;
    const padded = stride + 2 * radius;
    const plane = rows * stride;
    const memory = this.#kernel.reserve(4 * (3 * plane + (rows + 2 * radius) * padded));
    const here = new Float32Array(memory, 0, plane);
    const before = new Float32Array(memory, 12 * plane, (rows + 2 * radius) * padded);
    before.fill(OUTSIDE);
    for (let y = 0; y < rows; y++) {
      here.set(current.subarray(y * columns, (y + 1) * columns), y * stride);
      before.set(
        previous.subarray(y * columns, (y + 1) * columns),
        (y + radius) * padded + radius,
      );
    }
    this.#kernel.functions.match(0, 12 * plane, 4 * plane, 8 * plane, rows, 4 * stride);
    return {
      residual: unpad(new Float32Array(memory, 4 * plane, plane), rows, columns, stride),
      motion: unpad(new Float32Array(memory, 8 * plane, plane), rows, columns, stride),
    };
  }
}

/** Rows without what pads them; a view where nothing does. */
function unpad(
  plane: Float32Array,
  rows: number,
  columns: number,
  stride: number,
): Float32Array {
  if (stride === columns) return plane;
  for (let y = 1; y < rows; y++) {
    plane.copyWithin(y * columns, y * stride, y * stride + columns);
  }
  return plane.subarray(0, rows * columns);
}
