/**
 * Which patches are kept: key frames first, then the highest scores.
 *
 * @module
 */
import { percentile } from "../energy/percentile.ts";
import { type Limits, withinLimits } from "./limits.ts";
import { referenceTopK } from "./reference_topk.ts";

/** What is kept or dropped as one: a patch, or a block of 2 by 2 patches. */
export type SelectionUnit = "patch" | "block2x2";

/**
 * What key frames may claim of the budget.
 *
 * - `all`: every patch of every sampled key frame comes first, whatever its score.
 * - `first`: only those of the first sampled key frame do.
 * - `score`: key frames compete by score like the others.
 * - `{ fraction }`: the best patches of key frames come first, up to that share of the budget,
 *   0 to 1.
 */
export type KeyFramePolicy = "all" | "first" | "score" | { readonly fraction: number };

/** When a clip counts as still, and what is kept of it then. */
export interface StaticRule {
  /** Change below which a clip is still: 0 to 1, or more than 1 on a scale of 255. */
  readonly absolute: number;
  /** Spread of change, relative to its 95th percentile, below which a clip is still. */
  readonly relative: number;
  /** Frames, spread uniformly, whose patches are kept first. */
  readonly frames: number;
}

/** What to keep of a clip. */
export interface SelectionOptions {
  /** Patches to keep at most. */
  readonly kKeep: number;
  /** What is kept or dropped as one. */
  readonly unit: SelectionUnit;
  /** What key frames may claim. */
  readonly keyFrames: KeyFramePolicy;
  /** Which of equal scores win: the lower index, or those that PyTorch would take. */
  readonly ties: "lowest" | "reference";
  /** Limits beside the number, of patches. */
  readonly limits?: Limits;
  /** With the change of every patch, [T, gridH, gridW]: the rule for still clips. */
  readonly still?: { readonly rule: StaticRule; readonly change: Float32Array };
}

/** Scores of a clip on its grid. */
export interface ScoredClip {
  /** Energy of every patch, [T, gridH, gridW]. */
  readonly scores: Float32Array;
  /** Patches in a row. */
  readonly gridW: number;
  /** Rows of patches. */
  readonly gridH: number;
  /** For each frame, whether it counts as a key frame. */
  readonly isKey: readonly boolean[];
}

/**
 * Chooses the patches to keep.
 *
 * @returns linear indices `t * gridH * gridW + h * gridW + w`: ascending, or with `block2x2`
 * ascending by block, each block's patches in the order top left, top right, bottom left, bottom
 * right.
 */
export function selectPatches(clip: ScoredClip, options: SelectionOptions): Int32Array {
  const block = options.unit === "block2x2" ? 2 : 1;
  const scores = unitSums(clip.scores, clip, block);
  const perFrame = clip.gridH * clip.gridW / block ** 2;
  const budget = Math.floor(Math.min(options.kKeep, clip.scores.length) / block ** 2);
  const { keyFrames, ties } = options;
  const everyUnit = Array.from(scores.keys());
  const candidates = keyFrameUnits(everyUnit, clip.isKey, perFrame, keyFrames);
  const claims = best(scores, candidates, Math.floor(budget * claimable(keyFrames)), ties);
  const energy = options.limits && scores.slice();
  if (options.still && claims.length < budget) {
    const change = unitSums(options.still.change, clip, block);
    raiseStill(scores, change, block ** 2, perFrame, clip.isKey, options.still.rule);
  }
  const claimed = new Set(claims);
  const others = everyUnit.filter((unit) => !claimed.has(unit));
  const kept = options.limits && energy
    ? withinLimits({
      claims: ranked(scores, claims),
      others: ranked(scores, others),
      ...{ scores: energy, perFrame, budget },
    }, inUnits(options.limits, block ** 2))
    : [...claims, ...best(scores, others, budget - claims.length, ties)];
  const units = Int32Array.from(kept).sort();
  return block === 1 ? units : patchesOfBlocks(units, clip);
}

/** Sums of each unit's patches, block rows and columns in order. */
function unitSums(scores: Float32Array, { gridW, gridH }: ScoredClip, block: number): Float32Array {
  if (block === 1) return scores.slice();
  const [across, down] = [gridW / 2, gridH / 2];
  const sums = new Float32Array(scores.length / 4);
  for (let unit = 0; unit < sums.length; unit++) {
    const t = Math.floor(unit / (across * down));
    const y = Math.floor(unit / across) % down;
    const x = unit % across;
    const at = (t * gridH + 2 * y) * gridW + 2 * x;
    sums[unit] = scores[at]! + scores[at + 1]! + scores[at + gridW]! + scores[at + gridW + 1]!;
  }
  return sums;
}

/** The units with the highest scores among those given, which are in ascending order. */
function best(
  scores: Float32Array,
  units: readonly number[],
  count: number,
  ties: SelectionOptions["ties"],
): number[] {
  if (count >= units.length) return [...units];
  if (ties === "reference") {
    const places = referenceTopK(Float32Array.from(units, (unit) => scores[unit]!), count);
    return Array.from(places, (place) => units[place]!);
  }
  return ranked(scores, units).slice(0, count);
}

/** Units by score, the best first, of equal scores the lower index. */
function ranked(scores: Float32Array, units: readonly number[]): number[] {
  return units.toSorted((a, b) => scores[b]! - scores[a]! || a - b);
}

/** Limits of patches as limits of units. */
function inUnits(limits: Limits, patches: number): Limits {
  return {
    minScore: limits.minScore * patches,
    leastPerFrame: Math.ceil(limits.leastPerFrame / patches),
    mostPerFrame: Math.floor(limits.mostPerFrame / patches),
    energy: limits.energy,
  };
}

/** Share of the budget that key frames may claim. */
function claimable(policy: KeyFramePolicy): number {
  return typeof policy === "string" ? 1 : policy.fraction;
}

/** Units of key frames that come before scores are compared. */
function keyFrameUnits(
  units: readonly number[],
  isKey: readonly boolean[],
  perFrame: number,
  policy: KeyFramePolicy,
): number[] {
  if (policy === "score") return [];
  const first = isKey.indexOf(true);
  const claims = (frame: number) => policy === "first" ? frame === first : isKey[frame]!;
  return units.filter((unit) => claims(Math.floor(unit / perFrame)));
}

/**
 * In a still clip scores are noise. Raises those of frames spread uniformly over the frames that
 * are not key frames above all others.
 */
function raiseStill(
  scores: Float32Array,
  change: Float32Array,
  patchesPerUnit: number,
  perFrame: number,
  isKey: readonly boolean[],
  rule: StaticRule,
): void {
  if (rule.frames <= 0 || !isStill(change.map((sum) => sum / patchesPerUnit), rule)) return;
  const frames = isKey.flatMap((key, frame) => key ? [] : [frame]);
  const chosen = Math.min(rule.frames, frames.length);
  const highest = scores.reduce((a, b) => Math.max(a, b));
  const bonus = highest - scores.reduce((a, b) => Math.min(a, b)) + 1;
  for (let j = 0; j < chosen; j++) {
    const frame = frames[Math.floor(j * frames.length / chosen)]!;
    for (let n = 0; n < perFrame; n++) scores[frame * perFrame + n]! += bonus;
  }
}

/** Whether the change of units says that nothing happens. */
function isStill(change: Float32Array, { absolute, relative }: StaticRule): boolean {
  const threshold = Math.min(Math.max(absolute > 1 ? absolute / 255 : absolute, 0), 1);
  const high = percentile(change, 0.95);
  const middle = percentile(change, 0.5);
  const spread = (high - middle) / Math.max(high, 1e-6);
  return high < threshold || (high < 2 * threshold && spread < Math.max(0, relative));
}

/** Patches of each block: top left, top right, bottom left, bottom right. */
function patchesOfBlocks(units: Int32Array, { gridW, gridH }: ScoredClip): Int32Array {
  const [across, down] = [gridW / 2, gridH / 2];
  const patches = new Int32Array(4 * units.length);
  units.forEach((unit, n) => {
    const t = Math.floor(unit / (across * down));
    const y = Math.floor(unit / across) % down;
    const x = unit % across;
    const at = (t * gridH + 2 * y) * gridW + 2 * x;
    patches.set([at, at + 1, at + gridW, at + gridW + 1], 4 * n);
  });
  return patches;
}
