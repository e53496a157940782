/**
 * Chooses where the process stage runs.
 *
 * @module
 */
import type { PatchStreamConfig } from "../config.ts";
import type { Resolved } from "../config/fields.ts";
import type { ProcessPlan, ProcessStage } from "./process.ts";
import { openCpuStage } from "./cpu.ts";

/** What decides where the stage runs. */
export type ProcessConfig = Pick<
  Resolved<PatchStreamConfig>,
  "processBackend" | "processDeviceId" | "processThreads" | "prefetchDepth"
>;

/**
 * Opens the process stage of a configuration.
 *
 * @throws {PatchStreamError} `backend-unavailable`
 */
export async function openStage(plan: ProcessPlan, config: ProcessConfig): Promise<ProcessStage> {
  const { processBackend, processThreads, prefetchDepth } = config;
  if (processBackend === "gpu") {
    const { findGpu, openGpuStage } = await import("./gpu.ts");
    return await openGpuStage(plan, await findGpu(config.processDeviceId));
  }
  const threads = processThreads > 0 ? { threads: processThreads } : {};
  return openCpuStage(plan, { ...threads, prefetchDepth });
}

/**
 * Checks that the process backend is there, before anything is decoded.
 *
 * @throws {PatchStreamError} `backend-unavailable`
 */
export async function checkProcessBackend(config: ProcessConfig): Promise<void> {
  if (config.processBackend !== "gpu") return;
  const { findGpu } = await import("./gpu.ts");
  await findGpu(config.processDeviceId);
}
