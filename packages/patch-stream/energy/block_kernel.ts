/**
 * Motion of small blocks between two planes of 8-bit luma: for every pixel, the displacement of
 * the 5 by 5 block around it that leaves the least difference, where a longer displacement must
 * earn its length. Whole numbers throughout, so that every machine finds the same.
 *
 * @module
 */
import {
  type Code,
  i16x8,
  i32,
  i8x16,
  Kernel,
  type KernelFunction,
  type Local,
  Locals,
  repeat,
  v128,
} from "@vcs/media/internal";

/** Longest displacement on each axis, in analysis pixels. */
export const RADIUS = 4;
/** Pixels on each side of a block's centre. */
export const BOX = 2;
/** Pixels in a block. */
const BOX_AREA = (2 * BOX + 1) ** 2;
/** Luma difference per block pixel that one pixel of displacement must save. */
const LENGTH_PENALTY = 0.35;
/** Costs are block sums times 2^3, so that penalties can be fractions of a sum. */
export const COST_BITS = 3;
/** Rows and columns added on each side: the edge repeated. */
const MARGIN = RADIUS + BOX;

/** Displacements, the shortest first: at equal cost the first one stays. */
export const DISPLACEMENTS: readonly (readonly [number, number])[] = Array.from(
  { length: (2 * RADIUS + 1) ** 2 },
  (_, n) => [Math.floor(n / (2 * RADIUS + 1)) - RADIUS, n % (2 * RADIUS + 1) - RADIUS] as const,
).sort((a, b) => Math.hypot(...a) - Math.hypot(...b));

/** Cost of a displacement's length. */
export function lengthPenalty(dy: number, dx: number): number {
  return Math.round(LENGTH_PENALTY * BOX_AREA * (1 << COST_BITS) * Math.hypot(dy, dx));
}

/** |a - b| of sixteen 8-bit numbers. */
const difference = (a: Code, b: Code): Code => v128.or(i8x16.subSatU(a, b), i8x16.subSatU(b, a));

/** The kernel's parameters, in this order, and its variables. */
function makeLocals() {
  const locals = new Locals(
    ...["current", "previous", "sums", "cost", "error"] as const,
    ...["rows", "columns", "stride", "penalty"] as const,
  );
  const pointers = locals.add("i32", "at", "end", "here", "before", "leaving", "gone");
  const vectors = locals.add("v128", "sum", "entering", "old", "total", "better", "longer");
  return { locals, ...locals.parameters, ...pointers, ...vectors };
}

type Names = ReturnType<typeof makeLocals>;

/** Sets a pointer to a row below the start of a plane. */
const rowStart = (pointer: Local, plane: Local, row: number, { stride }: Names) =>
  pointer.set(i32.add(plane.get, i32.mul(stride.get, i32.const(row))));

/** Walks over the column sums, from the first to so many after the columns. */
function overSums({ at, end, sums, columns }: Names, more: number, body: Code[]): Code {
  const length = i32.mul(i32.const(2), i32.add(columns.get, i32.const(more)));
  return [
    ...at.set(sums.get),
    ...end.set(i32.add(sums.get, length)),
    ...repeat(body, i32.ltU(at.get, end.get)),
  ];
}

/** Adds a row of differences to the column sums, and takes the row five above away. */
function slide(names: Names, takeAway: boolean): Code {
  const { at, here, before, leaving, gone, entering, old } = names;
  const half = (extend: (bytes: Code) => Code, offset: number): Code => {
    const grown = i16x8.add(v128.load(at.get, offset), extend(entering.get));
    return v128.store(at.get, takeAway ? i16x8.sub(grown, extend(old.get)) : grown, offset);
  };
  const pointers = takeAway ? [here, before, leaving, gone] : [here, before];
  return overSums(names, 16, [
    entering.set(difference(v128.load(here.get), v128.load(before.get))),
    takeAway ? old.set(difference(v128.load(leaving.get), v128.load(gone.get))) : [],
    half(i16x8.extendLowI8x16U, 0),
    half(i16x8.extendHighI8x16U, 16),
    ...pointers.map((pointer) => pointer.advance(16)),
    at.advance(32),
  ]);
}

/** Makes the block sums of one row, and keeps those that cost less. */
function compare(names: Names): Code {
  const { at, cost, error, sum, old, total, better, longer } = names;
  const columnSums = [0, 2, 4, 6, 8].map((offset) => v128.load(at.get, offset));
  return overSums(names, 0, [
    sum.set(columnSums.reduce((a, b) => i16x8.add(a, b))),
    total.set(i16x8.add(i16x8.shl(sum.get, i32.const(COST_BITS)), longer.get)),
    old.set(v128.load(cost.get)),
    better.set(i16x8.ltU(total.get, old.get)),
    v128.store(cost.get, i16x8.minU(total.get, old.get)),
    v128.store(error.get, v128.bitselect(sum.get, v128.load(error.get), better.get)),
    ...[at, cost, error].map((pointer) => pointer.advance(16)),
  ]);
}

/**
 * match(current, previous, sums, cost, error, rows, columns, stride, penalty): one displacement.
 * `sums` is a row of 16-bit column sums over the block's five rows; it slides down the planes.
 * For each row the block sums are made of it, and where `sum * 8 + penalty` is less than `cost`,
 * cost and `error` (the sum) are replaced. `columns` is a multiple of 8.
 */
function matchFunction(): KernelFunction {
  const names = makeLocals();
  const { current, previous, here, before, leaving, gone, rows, stride, penalty, longer } = names;
  const enter = (row: number): Code => [
    ...rowStart(here, current, row, names),
    ...rowStart(before, previous, row, names),
  ];
  const firstRows = Array.from({ length: 2 * BOX + 1 }, (_, row) => [
    ...enter(row),
    ...slide(names, false),
  ]);
  const body = [
    longer.set(i16x8.splat(penalty.get)),
    ...firstRows,
    repeat([
      compare(names),
      enter(2 * BOX + 1),
      leaving.set(current.get),
      gone.set(previous.get),
      slide(names, true),
      ...[current, previous].map((row) => row.set(i32.add(row.get, stride.get))),
      rows.advance(-1),
    ], rows.get),
  ];
  return { locals: names.locals, body };
}

/** Sums of absolute luma differences over blocks, [rows, columns], 0 to 25 · 255. */
export interface BlockMatch {
  /** Of the block in its own place. */
  readonly still: Uint16Array;
  /** Of the block moved to where it fits best. */
  readonly moved: Uint16Array;
  /** Elements from one row to the next: at least the columns. */
  readonly stride: number;
}

/** Greatest value of a {@linkcode BlockMatch}. */
export const MAX_BLOCK_SUM: number = BOX_AREA * 255;

/** Matches planes of one size, again and again, in memory of its own. */
export class BlockMatcher {
  readonly #kernel = new Kernel({ match: matchFunction() });
  readonly #rows: number;
  readonly #columns: number;
  /** Columns of the results: a multiple of the 8 lanes. */
  readonly #wide: number;
  /** Bytes of a padded row, and one vector more than a displaced read can reach. */
  readonly #stride: number;

  /** Prepares for planes of [rows, columns]. */
  constructor(rows: number, columns: number) {
    this.#rows = rows;
    this.#columns = columns;
    this.#wide = Math.ceil(columns / 8) * 8;
    this.#stride = this.#wide + 2 * MARGIN + 32;
  }

  /** Matches the block around each pixel of the current plane to the previous one. */
  match(current: Uint8Array, previous: Uint8Array): BlockMatch {
    const rows = this.#rows;
    const wide = this.#wide;
    const stride = this.#stride;
    const padded = (rows + 2 * MARGIN + 1) * stride;
    const result = 2 * rows * wide;
    const sums = 2 * padded;
    const cost = sums + 2 * (wide + 32);
    const error = cost + result;
    const memory = this.#kernel.reserve(error + result);
    this.#pad(current, new Uint8Array(memory, 0, padded));
    this.#pad(previous, new Uint8Array(memory, padded, padded));
    const columnSums = new Uint16Array(memory, sums, wide + 32);
    new Uint16Array(memory, cost, rows * wide).fill(0xffff);
    const moved = new Uint16Array(memory, error, rows * wide);
    const corner = (MARGIN - BOX) * (stride + 1);
    let still: Uint16Array | undefined;
    for (const [dy, dx] of DISPLACEMENTS) {
      columnSums.fill(0);
      const penalty = lengthPenalty(dy, dx);
      const from = padded + corner - dy * stride - dx;
      this.#kernel.functions.match(corner, from, sums, cost, error, rows, wide, stride, penalty);
      still ??= moved.slice();
    }
    return { still: still!, moved, stride: wide };
  }

  /** Copies a plane into the middle of a larger one and repeats its edges around it. */
  #pad(plane: Uint8Array, out: Uint8Array): void {
    const columns = this.#columns;
    const stride = this.#stride;
    for (let y = 0; y < out.length / stride; y++) {
      const row = Math.min(Math.max(y - MARGIN, 0), this.#rows - 1) * columns;
      const line = out.subarray(y * stride, (y + 1) * stride);
      line.fill(plane[row]!, 0, MARGIN);
      line.set(plane.subarray(row, row + columns), MARGIN);
      line.fill(plane[row + columns - 1]!, MARGIN + columns);
    }
  }
}
