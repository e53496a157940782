/**
 * Energy of patches: how much of a frame is new since the sampled frame before it. The formulas
 * of each mode are here; how pixels and blocks are matched is in `match_kernel.ts` and
 * `block_kernel.ts`.
 *
 * @module
 */
import { BlockMatcher, MAX_BLOCK_SUM } from "./block_kernel.ts";
import { compensate } from "./compensate.ts";
import { type CellWeights, coveredCells, resizedCells, sumCells } from "./cells.ts";
import { PixelMatcher } from "./match_kernel.ts";
import { percentile } from "./percentile.ts";
import { isEmptyFrame, weighTexture } from "./texture.ts";
import type { EnergyMode, ProcessPlan } from "../process/process.ts";

/** Size of a plane in pixels. */
export interface PlaneSize {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
}

/** Most pixels of an analysis plane where sums must stay whole numbers below 2^24. */
const MAX_WHOLE_PIXELS = 1 << 17;

/**
 * Size at which energy is measured: a quarter of the frame on each axis, and 32 at least where
 * the frame has so many. Except in `reference` mode, large frames are brought down further, so
 * that a search of 4 pixels reaches as far in a 4K frame as in a 1080p one.
 */
export function analysisSize(width: number, height: number, energy: EnergyMode): PlaneSize {
  const quarter = (size: number) => Math.min(size, Math.max(32, Math.floor(size / 4)));
  const size = { width: quarter(width), height: quarter(height) };
  const pixels = size.width * size.height;
  if (energy === "reference" || pixels <= MAX_WHOLE_PIXELS) return size;
  const scale = Math.sqrt(MAX_WHOLE_PIXELS / pixels);
  const shrink = (side: number, other: number) =>
    Math.max(1, Math.min(Math.floor(side * scale), Math.floor(MAX_WHOLE_PIXELS / other)));
  const shrunkWidth = shrink(size.width, 1);
  return { width: shrunkWidth, height: shrink(size.height, shrunkWidth) };
}

/** Measures the energy of one frame's patches after another, always for the same plan. */
export interface PairEnergy {
  /**
   * Writes the energy of each patch of the current frame, [gridH, gridW], 0 to patchSize²; a
   * frame that shows nothing leaves it as it is, 0.
   *
   * @param current luma at the analysis size
   * @param previous luma of the sample before
   */
  measure(current: Float32Array, previous: Float32Array, out: Float32Array): void;
}

/** Makes the measure of a plan's mode. In `codec` mode energy comes with the frames instead. */
export function pairEnergy(plan: ProcessPlan): PairEnergy {
  return plan.energy === "reference" ? new ReferenceEnergy(plan) : new BlockEnergy(plan);
}

/**
 * codec-patch-stream's energy: half the length of each pixel's displacement, half what is left
 * after it, each scaled so that the frame's own percentile counts as 1.
 */
class ReferenceEnergy implements PairEnergy {
  readonly #size: PlaneSize;
  readonly #rank: number;
  readonly #matcher: PixelMatcher;
  readonly #x: CellWeights;
  readonly #y: CellWeights;

  constructor({ width, height, grid, energy, energyPct }: ProcessPlan) {
    this.#size = analysisSize(width, height, energy);
    this.#rank = energyPct / 100;
    this.#matcher = new PixelMatcher(this.#size.height, this.#size.width);
    this.#x = resizedCells(this.#size.width, width, grid.gridW, grid.patchSize);
    this.#y = resizedCells(this.#size.height, height, grid.gridH, grid.patchSize);
  }

  measure(current: Float32Array, previous: Float32Array, out: Float32Array): void {
    const { residual, motion } = this.#matcher.match(current, previous);
    const fullResidual = Math.max(percentile(residual, this.#rank), Math.fround(1e-6));
    const fullMotion = Math.max(percentile(motion, this.#rank), Math.fround(1e-6));
    for (let i = 0; i < residual.length; i++) {
      const moved = Math.min(Math.fround(motion[i]! / fullMotion), 1);
      const left = Math.min(Math.fround(residual[i]! / fullResidual), 1);
      residual[i] = 0.5 * Math.fround(moved + left);
    }
    sumCells(residual, this.#size.width, this.#y, this.#x, 1, out);
  }
}

/** Luma difference that counts as noise. */
const NOISE = 2;
/** Luma difference, above noise, at which half of the full energy is reached. */
const HALF_ENERGY = 8;
/** Energy of a pixel is 0 to this: half for change in place, half for change that moved. */
export const FULL_ENERGY = 128;

/** Energy of a block by its sum of absolute differences: `d / (HALF_ENERGY + d)`, in 64 steps. */
export const BLOCK_ENERGY: Uint8Array = Uint8Array.from({ length: MAX_BLOCK_SUM + 1 }, (_, sum) => {
  const difference = Math.max(0, 255 * sum / MAX_BLOCK_SUM - NOISE);
  return Math.round(FULL_ENERGY / 2 * difference / (HALF_ENERGY + difference));
});

/**
 * Energy by blocks: half for how much the block around a pixel changed in its place, half for
 * what remains when it may move. It is absolute: where nothing changes it is 0. Where the plan
 * says so, the frame before is first brought into the camera's place and light of now, empty
 * patches weigh little, and an empty frame has no energy.
 */
class BlockEnergy implements PairEnergy {
  readonly #size: PlaneSize;
  readonly #matcher: BlockMatcher;
  readonly #x: CellWeights;
  readonly #y: CellWeights;
  readonly #scale: number;
  readonly #compensates: boolean;

  constructor({ width, height, grid, energy, compensate }: ProcessPlan) {
    this.#compensates = compensate;
    this.#size = analysisSize(width, height, energy);
    this.#matcher = new BlockMatcher(this.#size.height, this.#size.width);
    this.#x = coveredCells(this.#size.width, grid.gridW);
    this.#y = coveredCells(this.#size.height, grid.gridH);
    this.#scale = grid.patchSize ** 2 / (FULL_ENERGY * this.#size.width * this.#size.height);
  }

  measure(current: Float32Array, previous: Float32Array, out: Float32Array): void {
    const [here, before] = [roundLuma(current), roundLuma(previous)];
    if (this.#compensates && isEmptyFrame(here)) return;
    const { still, moved, stride } = this.#matcher.match(
      here,
      this.#compensates ? compensate(here, before, this.#size) : before,
    );
    const energy = new Uint8Array(still.length);
    for (let i = 0; i < energy.length; i++) {
      energy[i] = BLOCK_ENERGY[still[i]!]! + BLOCK_ENERGY[moved[i]!]!;
    }
    sumCells(energy, stride, this.#y, this.#x, this.#scale, out);
    if (this.#compensates) weighTexture(here, this.#size, [this.#y, this.#x], out);
  }
}

/** Luma in whole numbers. */
export function roundLuma(luma: Float32Array): Uint8Array {
  const whole = new Uint8Array(luma.length);
  for (let i = 0; i < luma.length; i++) whole[i] = luma[i]! + 0.5;
  return whole;
}

/** Mean absolute luma change of each patch, 0 to 1: raw, so that a still clip can be recognized. */
export function cellChange(
  plan: ProcessPlan,
  current: Float32Array,
  previous: Float32Array,
  out: Float32Array,
): void {
  const { width, height } = analysisSize(plan.width, plan.height, plan.energy);
  const difference = current.map((luma, i) => Math.abs(luma - previous[i]!));
  const x = coveredCells(width, plan.grid.gridW);
  const y = coveredCells(height, plan.grid.gridH);
  sumCells(difference, width, y, x, 1 / (255 * width * height), out);
}

/** Sums a `codec` energy map, 0 to 1 per analysis pixel, over the patches. */
export function cellEnergy(plan: ProcessPlan, map: Float32Array, out: Float32Array): void {
  const { width, height } = analysisSize(plan.width, plan.height, plan.energy);
  const x = coveredCells(width, plan.grid.gridW);
  const y = coveredCells(height, plan.grid.gridH);
  sumCells(map, width, y, x, plan.grid.patchSize ** 2 / (width * height), out);
}
