/**
 * The work of the process stage on a CPU, in jobs that any thread can do: what they share lies in
 * shared memory.
 *
 * @module
 */
import { Antialiased } from "@vcs/media/internal";
import { TorchBilinear } from "../sampling/torch_bilinear.ts";
import {
  analysisSize,
  cellChange,
  cellEnergy,
  type PairEnergy,
  pairEnergy,
  roundLuma,
} from "../energy/energy.ts";
import { isSmallForTorch, smallLuma } from "../energy/small_luma.ts";
import { isEmptyFrame } from "../energy/texture.ts";
import type { ProcessPlan } from "./process.ts";

/** What the jobs of one clip read and write; shared where there are several threads. */
export interface ClipMemory {
  /** Luma of the distinct frames at the analysis size; empty in `codec` mode without change. */
  readonly luma: ArrayBufferLike;
  /** Resized distinct frames. */
  readonly pixels: ArrayBufferLike;
  /** Patch energy of every sample. */
  readonly scores: ArrayBufferLike;
  /** Patch change of every sample; empty where it is not wanted. */
  readonly change: ArrayBufferLike;
}

/** Number of distinct frames of a plan. */
export function distinctFrames(plan: ProcessPlan): number {
  return (plan.samples.at(-1) ?? -1) + 1;
}

/**
 * Allocates what the jobs of a plan read and write.
 *
 * @param shared for several threads; pages that are not isolated have no memory that is shared
 */
export function clipMemory(plan: ProcessPlan, shared: boolean): ClipMemory {
  const Memory = shared ? SharedArrayBuffer : ArrayBuffer;
  const { width, height } = analysisSize(plan.width, plan.height, plan.energy);
  const frames = distinctFrames(plan);
  const { targetW, targetH, gridW, gridH } = plan.grid;
  const scores = 4 * plan.samples.length * gridW * gridH;
  const needsLuma = plan.energy !== "codec" || plan.change;
  return {
    luma: new Memory(needsLuma ? 4 * frames * width * height : 0),
    pixels: new Memory(12 * frames * targetW * targetH),
    scores: new Memory(scores),
    change: new Memory(plan.change ? scores : 0),
  };
}

/** The n-th of equal parts of memory. */
export function part(memory: ArrayBufferLike, length: number, n: number): Float32Array {
  return new Float32Array(memory, 4 * n * length, length);
}

/** One thread's tools for the jobs of one clip. */
export class ClipWork {
  readonly #plan: ProcessPlan;
  readonly #memory: ClipMemory;
  readonly #toPixels: TorchBilinear | Antialiased;
  readonly #toLuma: TorchBilinear;
  readonly #lumaPixels: number;
  #energy: PairEnergy | undefined;

  /** Prepares for the frames of a plan. */
  constructor(plan: ProcessPlan, memory: ClipMemory) {
    this.#plan = plan;
    this.#memory = memory;
    const { width, height, grid } = plan;
    const size = analysisSize(width, height, plan.energy);
    this.#lumaPixels = size.width * size.height;
    this.#toLuma = new TorchBilinear("luma", { width, height }, size);
    const target = { width: grid.targetW, height: grid.targetH };
    this.#toPixels = plan.antialias
      ? new Antialiased({ width, height }, target)
      : new TorchBilinear("rgb", { width, height }, target);
  }

  /**
   * Makes luma and pixels of a distinct frame.
   *
   * @throws {RangeError} where the frame is not of the plan's size
   */
  prepare(number: number, rgb: Uint8Array): void {
    const { width, height, grid: { targetW, targetH } } = this.#plan;
    if (rgb.length !== 3 * width * height) {
      throw new RangeError(
        `Cannot process frames: frame ${number} has ${rgb.length} bytes, ${width} by ${height} pixels take ${
          3 * width * height
        }`,
      );
    }
    this.#toPixels.resize(rgb, part(this.#memory.pixels, 3 * targetW * targetH, number));
    if (this.#memory.luma.byteLength > 0) this.#makeLuma(rgb, this.#lumaOf(number));
  }

  #makeLuma(rgb: Uint8Array, out: Float32Array): void {
    const size = analysisSize(this.#plan.width, this.#plan.height, this.#plan.energy);
    if (this.#plan.energy === "reference" && isSmallForTorch(size)) {
      smallLuma(rgb, this.#plan, size, out);
    } else this.#toLuma.resize(rgb, out);
  }

  /** Measures a sample against what was shown before it; all frames so far must be prepared. */
  measure(sample: number, energy?: Float32Array): void {
    const { samples, grid } = this.#plan;
    const cells = grid.gridW * grid.gridH;
    const scores = part(this.#memory.scores, cells, sample);
    if (energy) cellEnergy(this.#plan, energy, scores);
    if (this.#memory.luma.byteLength === 0) return;
    const current = this.#lumaOf(samples[sample]!);
    const previous = this.#lumaOf(samples[sample - 1]!);
    if (this.#plan.energy !== "codec") {
      this.#energy ??= pairEnergy(this.#plan);
      this.#energy.measure(current, this.#lastShown(sample), scores);
    }
    if (this.#plan.change) {
      cellChange(this.#plan, current, previous, part(this.#memory.change, cells, sample));
    }
  }

  /** The frame that a sample is compared with: where frames are compensated, none that is empty. */
  #lastShown(sample: number): Float32Array {
    const { samples, energy, compensate } = this.#plan;
    for (let at = sample - 1; energy === "blocksad" && compensate && at >= 0; at--) {
      const luma = this.#lumaOf(samples[at]!);
      if (!isEmptyFrame(roundLuma(luma))) return luma;
    }
    return this.#lumaOf(samples[sample - 1]!);
  }

  #lumaOf(number: number): Float32Array {
    return part(this.#memory.luma, this.#lumaPixels, number);
  }
}
