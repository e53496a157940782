/**
 * What a device that only compares planes needs done beside it, frame after frame: the luma to
 * compare with, and the weight of texture. It is what `BlockEnergy` does on the CPU.
 *
 * @module
 */
import { TorchBilinear } from "../sampling/torch_bilinear.ts";
import type { ProcessPlan } from "../process/process.ts";
import { coveredCells } from "./cells.ts";
import { compensate } from "./compensate.ts";
import { analysisSize, type PlaneSize, roundLuma } from "./energy.ts";
import { isEmptyFrame, weighTexture } from "./texture.ts";

/** Follows the frames of a clip. */
export class Compensation {
  readonly #plan: ProcessPlan;
  readonly #size: PlaneSize;
  readonly #toLuma: TorchBilinear;
  #current: Uint8Array;
  /** The latest frame that showed something, before the current one. */
  #shown: Uint8Array | undefined;

  /** Starts before the first frame of a plan. */
  constructor(plan: ProcessPlan) {
    const { width, height } = plan;
    this.#plan = plan;
    this.#size = analysisSize(width, height, plan.energy);
    this.#toLuma = new TorchBilinear("luma", { width, height }, this.#size);
    this.#current = new Uint8Array(this.#size.width * this.#size.height);
  }

  /** Takes the next sample, RGB of 8 bits, and gives the luma that it is to be compared with. */
  take(rgb: Uint8Array): Float32Array {
    const luma = new Float32Array(this.#current.length);
    this.#toLuma.resize(rgb, luma);
    const previous = this.#current;
    if (!isEmptyFrame(previous)) this.#shown = previous;
    this.#current = roundLuma(luma);
    const before = this.#shown ?? previous;
    return Float32Array.from(compensate(this.#current, before, this.#size));
  }

  /** Weighs the energy of the sample's patches by what there is to see. */
  weigh(energy: Float32Array): void {
    if (isEmptyFrame(this.#current)) energy.fill(0);
    const { gridW, gridH } = this.#plan.grid;
    const { width, height } = this.#size;
    const cells = [coveredCells(height, gridH), coveredCells(width, gridW)] as const;
    weighTexture(this.#current, this.#size, cells, energy);
  }
}
