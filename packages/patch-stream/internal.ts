/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export { type GridOptions, planGrid } from "./sampling/grid.ts";
export { type CpuStageOptions, openCpuStage } from "./process/cpu.ts";
export type {
  ProcessedClip,
  ProcessPlan,
  ProcessStage,
  ProcessTimings,
  SampledFrame,
} from "./process/process.ts";
