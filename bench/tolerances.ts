/**
 * How much slower a benchmark may be before it counts.
 *
 * @module
 */

/** Of benchmarks that are not in the table. */
export const DEFAULT_TOLERANCE = 0.08;

/** By suite, group and name: what needs more, at most 0.12, and why. */
export const TOLERANCES: Readonly<Record<string, { tolerance: number; reason: string }>> = {};
