/**
 * The process stage: sampled frames in, patch scores and resized pixels out. One interface, one
 * file per place where it runs ({@link "./cpu.ts"}).
 *
 * @module
 */
import type { Grid } from "../sampling/grid.ts";

export type { Grid };

/**
 * What counts as energy of a pixel, between a sampled frame and the sampled frame before it.
 *
 * - `blocksad`: change that motion of small blocks does not explain, and change itself; 0 where
 *   nothing moves.
 * - `reference`: what codec-patch-stream computes, number for number.
 * - `codec`: the decoder's own motion vectors and packet sizes.
 */
export type EnergyMode = "blocksad" | "reference" | "codec";

/** What a process stage has to do, known before the first frame comes. */
export interface ProcessPlan {
  /** Width of every frame in pixels. */
  readonly width: number;
  /** Height of every frame in pixels. */
  readonly height: number;
  /** For each of the T positions of the sequence, the number of its distinct frame: 0, 0, 1 … */
  readonly samples: readonly number[];
  /** Size after the resize, and its patches. */
  readonly grid: Grid;
  /** How energy is measured. */
  readonly energy: EnergyMode;
  /** Whether camera, light and texture are taken into account, in `blocksad` mode. */
  readonly compensate: boolean;
  /** Percentile that counts as full energy, in `reference` mode: 1 to 100. */
  readonly energyPct: number;
  /** Whether the resize averages all pixels that an output pixel covers. */
  readonly antialias: boolean;
  /** Whether {@linkcode ProcessedClip.change} is wanted. */
  readonly change: boolean;
}

/** A distinct sampled frame on its way into the stage. */
export interface SampledFrame {
  /** Its number, from 0; frames come in order. */
  readonly number: number;
  /** Pixels, RGB of 8 bits, [height, width, 3]. The stage takes the buffer over. */
  readonly data: Uint8Array;
  /** In `codec` mode: energy of each analysis pixel since the frame before, 0 to 1. */
  readonly energy?: Float32Array;
}

/** What a process stage found. */
export interface ProcessedClip {
  /** Energy of every patch, [T, gridH, gridW]: the sum over its pixels, 0 to patchSize². */
  readonly scores: Float32Array;
  /** Mean absolute luma change of every patch since the sample before, 0 to 1; same shape. */
  readonly change?: Float32Array;
  /** The distinct frames after the resize, each [targetH, targetW, 3], 0 to 255, not rounded. */
  readonly pixels: readonly Float32Array[];
  /** Milliseconds of work, summed over threads. */
  readonly timings: ProcessTimings;
}

/** Milliseconds of work, summed over threads. */
export interface ProcessTimings {
  /** Making luma and pixels of the frames. */
  readonly resize: number;
  /** Measuring energy. */
  readonly energy: number;
}

/** A process stage at work on one clip. */
export interface ProcessStage extends AsyncDisposable {
  /** Where it runs: `cpu`, `cuda:N` or `webgpu`. */
  readonly device: string;
  /** Takes the next distinct frame; resolves when there is room for another. */
  add(frame: SampledFrame): Promise<void>;
  /** Waits for all frames and gives the result. */
  finish(): Promise<ProcessedClip>;
}
