/**
 * Statistics of similarities, as Seymour-pi's encoders compute them.
 *
 * @module
 */

/** Statistics of similarities. */
export interface SimilarityStats {
  /** How many there are. */
  readonly count: number;
  /** Mean; 1 if there are none. */
  readonly mean: number;
  /** Population standard deviation. */
  readonly std: number;
  /** Smallest; 1 if there are none. */
  readonly min: number;
  /** Largest; 1 if there are none. */
  readonly max: number;
}

/** Statistics of numbers, all of which are kept. */
export function similarityStats(values: readonly number[]): SimilarityStats {
  const count = values.length;
  if (count === 0) return { count, mean: 1, std: 0, min: 1, max: 1 };
  const mean = values.reduce((sum, x) => sum + x, 0) / count;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count;
  const min = values.reduce((a, b) => Math.min(a, b));
  const max = values.reduce((a, b) => Math.max(a, b));
  return { count, mean, std: Math.sqrt(variance), min, max };
}
