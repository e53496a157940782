/**
 * Control charts of one number over time: EWMA (Roberts 1959) for mild shifts, CUSUM (Page 1954)
 * for small lasting ones.
 *
 * @module
 */

/** Weight of the latest value in the EWMA. */
const LAMBDA = 0.2;
/** Deviations that the CUSUM forgives at each step. */
const SLACK = 0.5;
/** Deviations that one value may add to the CUSUM, so that a single outlier is not an alarm. */
const LARGEST_STEP = 4;
/** The CUSUM grows no further, so that it falls again soon after the shift is over. */
const CEILING = 50;

/** State of both charts, in deviations. */
export interface ChartValues {
  /** EWMA of the value minus its mean, over the EWMA's own deviation. */
  readonly ewma: number;
  /** Sum of what exceeds the mean by more than half a deviation. */
  readonly cusum: number;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** A perfectly still image has no spread at all; a thousandth is below any camera's noise. */
const LEAST_SPREAD = 1e-3;

/** Middle and spread of numbers that may hold outliers: median, and 1.4826 times the MAD. */
export function robustScale(values: readonly number[]): { centre: number; spread: number } {
  const centre = median(values);
  const spread = 1.4826 * median(values.map((x) => Math.abs(x - centre)));
  return { centre, spread: Math.max(spread, LEAST_SPREAD) };
}

/** Both charts of one number. */
export class ControlCharts {
  readonly #wanted: number;
  #baseline: number[] | undefined = [];
  #centre = 0;
  #spread = 1;
  #ewma = 0;
  #cusum = 0;

  /** Starts to learn the usual middle and spread from the first values. */
  constructor(baseline: number) {
    this.#wanted = baseline;
  }

  /** Takes a value; returns undefined while learning. */
  push(value: number): ChartValues | undefined {
    if (this.#baseline !== undefined) {
      this.#learn(this.#baseline, value);
      return undefined;
    }
    const z = (value - this.#centre) / this.#spread;
    this.#ewma += LAMBDA * (z - this.#ewma);
    const step = Math.min(z, LARGEST_STEP) - SLACK;
    this.#cusum = Math.min(CEILING, Math.max(0, this.#cusum + step));
    return { ewma: this.#ewma / Math.sqrt(LAMBDA / (2 - LAMBDA)), cusum: this.#cusum };
  }

  #learn(baseline: number[], value: number): void {
    baseline.push(value);
    if (baseline.length < this.#wanted) return;
    const { centre, spread } = robustScale(baseline);
    this.#centre = centre;
    this.#spread = spread;
    this.#baseline = undefined;
  }
}
