/**
 * Sums of an energy map over the cells of the patch grid.
 *
 * Every way from the map to the cells used here is linear and works on rows and columns alone, so
 * that a cell's sum is `rows · map · columnsᵀ` and no map of the frame's full size is ever made.
 *
 * @module
 */
import { bilinearTaps } from "../sampling/torch_bilinear.ts";

/** What each cell of one axis takes from the map: a run of inputs and their weights. */
export interface CellWeights {
  /** First input of each cell. */
  readonly start: Int32Array;
  /** Weights of its inputs. */
  readonly weights: readonly Float64Array[];
}

/**
 * The way of codec-patch-stream: resize the map up to the frame, down to the target, and sum each
 * cell's pixels.
 *
 * @param input map size on this axis
 * @param full frame size
 * @param cells number of cells
 * @param cellSize target pixels in a cell
 */
export function resizedCells(
  input: number,
  full: number,
  cells: number,
  cellSize: number,
): CellWeights {
  const up = bilinearTaps(input, full);
  const down = bilinearTaps(full, cells * cellSize);
  const sums = Array.from({ length: cells }, () => new Map<number, number>());
  const add = (cell: number, at: number, weight: number) =>
    sums[cell]!.set(at, (sums[cell]!.get(at) ?? 0) + weight);
  for (let i = 0; i < cells * cellSize; i++) {
    const cell = Math.floor(i / cellSize);
    for (
      const [at, weight] of [[down.low[i]!, down.lowWeight[i]!], [
        down.high[i]!,
        down.highWeight[i]!,
      ]] as const
    ) {
      add(cell, up.low[at]!, weight * up.lowWeight[at]!);
      add(cell, up.high[at]!, weight * up.highWeight[at]!);
    }
  }
  return packRuns(sums);
}

function packRuns(sums: readonly Map<number, number>[]): CellWeights {
  const start = Int32Array.from(sums, (sum) => Math.min(...sum.keys()));
  const weights = sums.map((sum, cell) => {
    const run = new Float64Array(Math.max(...sum.keys()) - start[cell]! + 1);
    for (const [at, weight] of sum) run[at - start[cell]!] = weight;
    return run;
  });
  return { start, weights };
}

/**
 * The area of each input that each cell covers, in whole numbers: an input is `cells` wide, a
 * cell `input` wide. Sums of whole energies stay whole, so that every machine finds the same.
 */
export function coveredCells(input: number, cells: number): CellWeights {
  const start = Int32Array.from({ length: cells }, (_, cell) => Math.floor(cell * input / cells));
  const weights = Array.from(start, (first, cell) => {
    const end = Math.ceil((cell + 1) * input / cells);
    return Float64Array.from({ length: end - first }, (_, n) => {
      const left = Math.max(cell * input, (first + n) * cells);
      const right = Math.min((cell + 1) * input, (first + n + 1) * cells);
      return right - left;
    });
  });
  return { start, weights };
}

/**
 * Sums a map [rows, stride] over cells: `scale` times the weighted sum, [cells of y, cells of x].
 */
export function sumCells(
  map: ArrayLike<number>,
  stride: number,
  y: CellWeights,
  x: CellWeights,
  scale: number,
  out: Float32Array,
): void {
  const across = x.start.length;
  const rows = y.start.at(-1)! + y.weights.at(-1)!.length;
  const narrow = new Float64Array(rows * across);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < across; j++) {
      const run = x.weights[j]!;
      const from = row * stride + x.start[j]!;
      let sum = 0;
      for (let n = 0; n < run.length; n++) sum += run[n]! * map[from + n]!;
      narrow[row * across + j] = sum;
    }
  }
  for (let i = 0; i < y.start.length; i++) {
    const run = y.weights[i]!;
    for (let j = 0; j < across; j++) {
      let sum = 0;
      for (let n = 0; n < run.length; n++) sum += run[n]! * narrow[(y.start[i]! + n) * across + j]!;
      out[i * across + j] = scale * sum;
    }
  }
}
