/**
 * Statistics of similarities, as Seymour-pi's encoders compute them, but null where there are none.
 *
 * @module
 */

/** Statistics of similarities. */
export interface SimilarityStats {
  /** How many there are. */
  readonly count: number;
  /** Mean; null if there are none. */
  readonly mean: number | null;
  /** Population standard deviation; null if there are none. */
  readonly std: number | null;
  /** Smallest; null if there are none. */
  readonly min: number | null;
  /** Largest; null if there are none. */
  readonly max: number | null;
}

/** Statistics of numbers, all of which are kept. */
export function similarityStats(values: readonly number[]): SimilarityStats {
  const count = values.length;
  if (count === 0) return { count, mean: null, std: null, min: null, max: null };
  const mean = values.reduce((sum, x) => sum + x, 0) / count;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count;
  const min = values.reduce((a, b) => Math.min(a, b));
  const max = values.reduce((a, b) => Math.max(a, b));
  return { count, mean, std: Math.sqrt(variance), min, max };
}

/** Statistics of numbers, of which only sums are kept. */
export class SimilaritySums {
  #count = 0;
  #mean = 0;
  #squares = 0;
  #min = Infinity;
  #max = -Infinity;

  /** Adds a number (Welford 1962). */
  add(value: number): void {
    this.#count++;
    const delta = value - this.#mean;
    this.#mean += delta / this.#count;
    this.#squares += delta * (value - this.#mean);
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  /** The statistics so far. */
  get stats(): SimilarityStats {
    const count = this.#count;
    if (count === 0) return similarityStats([]);
    const std = Math.sqrt(this.#squares / count);
    return { count, mean: this.#mean, std, min: this.#min, max: this.#max };
  }
}
