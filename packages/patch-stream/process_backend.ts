/**
 * Chooses where the process stage runs.
 *
 * @module
 */
import { PatchStreamError } from "./errors.ts";
import type { PatchStreamConfig, Resolved } from "./config.ts";
import type { ProcessPlan, ProcessStage } from "./process.ts";
import { openCpuStage } from "./process_cpu.ts";

/** What decides where the stage runs. */
export type ProcessConfig = Pick<
  Resolved<PatchStreamConfig>,
  "processBackend" | "processDeviceId" | "processThreads" | "prefetchDepth"
>;

/**
 * Opens the process stage of a configuration.
 *
 * @throws {PatchStreamError} `backend_unavailable`
 */
export function openStage(plan: ProcessPlan, config: ProcessConfig): ProcessStage {
  const { processBackend, processThreads, prefetchDepth } = config;
  if (processBackend === "gpu") throw gpuMissing();
  const threads = processThreads || navigator.hardwareConcurrency;
  return openCpuStage(plan, { threads, prefetchDepth });
}

/**
 * Checks that the process backend is there, before anything is decoded.
 *
 * @throws {PatchStreamError} `backend_unavailable`
 */
export function checkProcessBackend({ processBackend }: ProcessConfig): void {
  if (processBackend === "gpu") throw gpuMissing();
}

function gpuMissing(): PatchStreamError {
  return new PatchStreamError(
    "backend_unavailable",
    'Cannot process on a GPU: processBackend "gpu" is not there yet, use "cpu" or "auto"',
  );
}
