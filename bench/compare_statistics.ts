/**
 * Whether a benchmark became slower. Each turn of one side is divided by the turn of the other side
 * beside it, so that what else the machine does hits both: a neighbour on the same core makes all that
 * is measured 1.6 times slower for a while, and a ratio of medians over all turns jumps from one of the
 * two states to the other (0.62 to 1.54 for the same code, where neighbours' ratios stay within 0.93
 * to 1.17). Of a turn the lower quartile counts: what else runs only adds to times.
 *
 * @module
 */

/** Times of one benchmark's runs, in nanoseconds, a list for each turn. */
export interface Sides {
  /** Before the change. */
  readonly base: readonly (readonly number[])[];
  /** After it, turn for turn beside the base. */
  readonly head: readonly (readonly number[])[];
}

/** A benchmark's comparison; ratios above 1 are slower. */
export interface Comparison {
  /** Median of the base's turns, in nanoseconds. */
  readonly base: number;
  /** Median of the head's turns, in nanoseconds. */
  readonly head: number;
  /** Median of the ratios of neighbouring turns. */
  readonly ratio: number;
  /** Between these the median of the ratios lies in 95 of 100 draws of the turns. */
  readonly interval: readonly [low: number, high: number];
  /** Turns of each side. */
  readonly turns: number;
}

/** A value at a share of sorted values, between neighbours where it falls between them. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}

/** Numbers from 0 to below 1 that are the same at each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Medians of values that are drawn again. */
function bootstrap(values: readonly number[], draws: number): number[] {
  const random = seeded(1);
  const drawn = () => values[Math.floor(random() * values.length)]!;
  return Array.from({ length: draws }, () => quantile(values.map(drawn), 0.5));
}

/** Compares the two sides of a benchmark. */
export function compareSides(sides: Sides): Comparison {
  const lower = (times: readonly number[]) => quantile(times, 0.25);
  const [base, head] = [sides.base.map(lower), sides.head.map(lower)];
  const ratios = head.map((time, turn) => time / base[turn]!);
  const medians = bootstrap(ratios, 400);
  return {
    base: quantile(base, 0.5),
    head: quantile(head, 0.5),
    ratio: quantile(ratios, 0.5),
    interval: [quantile(medians, 0.025), quantile(medians, 0.975)],
    turns: ratios.length,
  };
}

/** Whether what was measured cannot rule out that it is slower by more than the tolerance. */
export function isSuspect({ ratio }: Pick<Comparison, "ratio">, tolerance: number): boolean {
  return ratio > 1 + tolerance / 2;
}

/** Whether it is surely slower by more than the tolerance. */
export function isSlower({ interval }: Comparison, tolerance: number): boolean {
  return interval[0] > 1 + tolerance;
}

/** What came of all looks at a benchmark, each in processes of its own. */
export interface Verdict extends Comparison {
  /** The ratio that each look found. */
  readonly looks: readonly number[];
  /** Their lower quartile: three of four looks found it slower than this. */
  readonly lowerRatio: number;
  /** Whether it is worth another look. */
  readonly suspect: boolean;
  /** Whether it became slower. */
  readonly slower: boolean;
}

/** How many of the looks may find it as fast, and it counts nevertheless. */
const CLEARED = 2;

/**
 * Judges looks together. Nearly all have to find it slower, as a short look is noisy: of eleven at a
 * slowdown of 15 %, one or two may not see it. It counts where all turns together are surely slower
 * than the tolerance, and the lower quartile of the looks is, too.
 */
export function judge(looks: readonly Sides[], tolerance: number): Verdict {
  const comparison = compareSides({
    base: looks.flatMap(({ base }) => base),
    head: looks.flatMap(({ head }) => head),
  });
  const ratios = looks.map((look) => compareSides(look).ratio);
  const lowerRatio = quantile(ratios, 0.25);
  const cleared = ratios.filter((ratio) => !isSuspect({ ratio }, tolerance)).length;
  const suspect = cleared <= CLEARED && isSuspect(comparison, tolerance);
  const slower = suspect && lowerRatio > 1 + tolerance && isSlower(comparison, tolerance);
  return { ...comparison, looks: ratios, lowerRatio, suspect, slower };
}
