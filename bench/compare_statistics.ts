/**
 * Whether a benchmark became slower: medians and lower quartiles of two sides that were measured in
 * turn, and how far chance alone could have moved their ratio. What else a machine does only adds to
 * times, so medians are those of the turns' lower quartiles.
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
  /** Ratio of the medians. */
  readonly ratio: number;
  /** Ratio of the lower quartiles of all runs. */
  readonly lowerRatio: number;
  /** Between these the ratio of medians lies in 95 of 100 draws of the turns. */
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

/** Ratios of medians when turns are drawn again, with their neighbours on the other side. */
function bootstrap(base: readonly number[], head: readonly number[], draws: number): number[] {
  const random = seeded(1);
  return Array.from({ length: draws }, () => {
    const turns = base.map(() => Math.floor(random() * base.length));
    const median = (side: readonly number[]) => quantile(turns.map((turn) => side[turn]!), 0.5);
    return median(head) / median(base);
  });
}

/** Compares the two sides of a benchmark. */
export function compareSides(sides: Sides): Comparison {
  const lower = (times: readonly number[]) => quantile(times, 0.25);
  const [baseTurns, headTurns] = [sides.base.map(lower), sides.head.map(lower)];
  const ratios = bootstrap(baseTurns, headTurns, 400);
  const [base, head] = [quantile(baseTurns, 0.5), quantile(headTurns, 0.5)];
  return {
    base,
    head,
    ratio: head / base,
    lowerRatio: lower(sides.head.flat()) / lower(sides.base.flat()),
    interval: [quantile(ratios, 0.025), quantile(ratios, 0.975)],
    turns: sides.base.length,
  };
}

/** Whether a first look cannot rule out that it is slower by more than the tolerance. */
export function isSuspect({ ratio, lowerRatio }: Comparison, tolerance: number): boolean {
  return Math.max(ratio, lowerRatio) > 1 + tolerance / 2;
}

/** Whether median and lower quartile are slower by more than the tolerance, and not by chance. */
export function isSlower(comparison: Comparison, tolerance: number): boolean {
  const { ratio, lowerRatio, interval } = comparison;
  return ratio > 1 + tolerance && lowerRatio > 1 + tolerance && interval[0] > 1;
}
