/**
 * Curves of any length in a bounded number of points that keep their peaks.
 *
 * @module
 */

/** A frame or a stretch of frames: when it began, its frames, and the peak of each measure or NaN. */
export type PeakRow = Float64Array;

/** Adds a later stretch to one: its frames, and those of its peaks that are higher. */
export function joinPeaks(into: PeakRow, later: PeakRow): void {
  into[1]! += later[1]!;
  for (let i = 2; i < into.length; i++) {
    const value = later[i]!;
    // A missing value, NaN, gives way to any.
    if (value > into[i]! || Number.isNaN(into[i])) into[i] = value;
  }
}

/** Keeps the peaks of each stretch of equal length; stretches grow as rows come. */
export class PeakDecimation {
  /** The stretches, in the order in which they came. */
  readonly rows: PeakRow[] = [];
  readonly #limit: number;
  #stretch = 1;
  #inLast = 0;

  /** Starts without rows; keeps at most `limit`, and half as many once there were more. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes the next row, which is its own from now on. */
  add(row: PeakRow): void {
    const { rows } = this;
    if (rows.length > 0 && this.#inLast < this.#stretch) {
      this.#inLast++;
      joinPeaks(rows.at(-1)!, row);
      return;
    }
    if (rows.length >= this.#limit) this.#halve();
    rows.push(row);
    this.#inLast = 1;
  }

  /** Joins neighbours. */
  #halve(): void {
    const { rows } = this;
    const pairs = Math.ceil(rows.length / 2);
    for (let i = 0; i < pairs; i++) {
      const [a, b] = [rows[2 * i]!, rows[2 * i + 1]];
      if (b !== undefined) joinPeaks(a, b);
      rows[i] = a;
    }
    rows.length = pairs;
    this.#stretch *= 2;
  }
}
