/**
 * What is kept where it is not only a number: a least score, so many of each frame, a share of the
 * clip's energy.
 *
 * @module
 */

/** Limits of what is kept, in units. */
export interface Limits {
  /** Score below which a unit is not kept, but to reach `leastPerFrame`. */
  readonly minScore: number;
  /** Units of each frame that are kept at least, while the budget lasts. */
  readonly leastPerFrame: number;
  /** Units of each frame that are kept at most, key frames' too. */
  readonly mostPerFrame: number;
  /** Share of the clip's energy at which enough is kept, 0 to 1. */
  readonly energy: number;
}

/** Units to choose from. */
export interface RankedUnits {
  /** Units that come first whatever their score, the best first. */
  readonly claims: readonly number[];
  /** All others, the best first. */
  readonly others: readonly number[];
  /** Score of every unit. */
  readonly scores: Float32Array;
  /** Units of a frame. */
  readonly perFrame: number;
  /** Units to keep at most. */
  readonly budget: number;
}

/** The units that are kept within limits, in no order. */
export function withinLimits(units: RankedUnits, limits: Limits): number[] {
  const choice = new Choice(units);
  const least = Math.min(limits.leastPerFrame, limits.mostPerFrame);
  for (const unit of units.claims) choice.take(unit, limits.mostPerFrame);
  for (const unit of units.others) choice.take(unit, least);
  for (const unit of units.others) {
    if (choice.energy >= limits.energy * choice.allEnergy) break;
    if (units.scores[unit]! >= limits.minScore) choice.take(unit, limits.mostPerFrame);
  }
  return [...choice.kept];
}

/** What is kept so far. */
class Choice {
  readonly kept = new Set<number>();
  readonly allEnergy: number;
  readonly #units: RankedUnits;
  readonly #ofFrame = new Map<number, number>();
  energy = 0;

  constructor(units: RankedUnits) {
    this.#units = units;
    this.allEnergy = units.scores.reduce((sum, score) => sum + score, 0);
  }

  /** Keeps a unit while the budget lasts and its frame has fewer than so many. */
  take(unit: number, perFrame: number): void {
    const frame = Math.floor(unit / this.#units.perFrame);
    const count = this.#ofFrame.get(frame) ?? 0;
    const full = this.kept.size >= this.#units.budget || count >= perFrame;
    if (full || this.kept.has(unit)) return;
    this.kept.add(unit);
    this.#ofFrame.set(frame, count + 1);
    this.energy += this.#units.scores[unit]!;
  }
}
