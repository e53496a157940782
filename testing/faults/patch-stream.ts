/**
 * Deliberate faults of patch-stream.
 *
 * @module
 */
import type { Fault } from "./fault.ts";

/** The table. */
export const faults: readonly Fault[] = [
  {
    file: "worker_pool.ts",
    find: "this.#fail(new Error(`Cannot process frames: a worker failed: ${event.message}`));",
    put: "",
    means: "a worker's crash is ignored: jobs hang",
    tests: ["worker_pool_test.ts"],
  },
  {
    file: "worker_pool.ts",
    find: "if (this.#failure) return Promise.reject(this.#failure);",
    put: "",
    means: "jobs of a pool that failed hang",
    tests: ["worker_pool_test.ts"],
  },
  {
    file: "worker_pool.ts",
    find:
      "for (const { done } of [...more, ...this.#running.values(), ...this.#queue]) done.reject(error);",
    put: "for (const { done } of [...more, ...this.#running.values()]) done.reject(error);",
    means: "jobs that wait when a worker fails hang",
    tests: ["worker_pool_test.ts"],
  },
  {
    file: "worker_pool.ts",
    find: "this.timings[COUNTS_AS[waiting.job.kind]] += answer.ms;",
    put: "",
    means: "the time of the work is not counted",
    tests: ["worker_pool_test.ts"],
  },
  {
    file: "worker_pool.ts",
    find: "for (const worker of this.#workers) worker.terminate();",
    put: "",
    means: "threads outlive their pool",
    tests: ["worker_pool_test.ts"],
  },
  {
    file: "cpu.ts",
    find: "await this.#prepared[number - this.#depth + 1];",
    put: "",
    means: "frames pile up before the process stage",
    tests: ["worker_pool_test.ts"],
  },
  {
    file: "cpu.ts",
    find: "Math.min(threads, distinctFrames(plan))",
    put: "threads",
    means: "more threads are started than there are frames",
    tests: ["worker_pool_test.ts"],
  },
  {
    file: "stream_frames.ts",
    find: "Math.min(Math.max(config.energyPct, 1), 100)",
    put: "config.energyPct",
    means: "energyPct is not held within its range",
    tests: ["stream_video_test.ts"],
  },
  {
    file: "stream_frames.ts",
    find: "config.onProgress?.(number, distinctFrames(plan));",
    put: "config.onProgress?.(number, number);",
    means: "progress reports a wrong total",
    tests: ["patch_stream_test.ts"],
  },
  {
    file: "cpu.ts",
    find: "clipMemory(plan, threads > 1)",
    put: "clipMemory(plan, true)",
    means: "one thread takes shared memory, which pages have not",
    tests: ["frames_test.ts"],
  },
  {
    file: "patch_stream_all.ts",
    find: "running.size < concurrencyFor(configs[next]!, concurrency)",
    put: "true",
    means: "all videos are worked on at once",
    tests: ["patch_stream_all_test.ts"],
  },
  {
    file: "patch_stream_all.ts",
    find: "Math.min(concurrency, nvdecSessionPoolSize)",
    put: "concurrency",
    means: "more decoders are opened on a GPU than it has",
    tests: ["patch_stream_all_test.ts"],
  },
  {
    file: "patch_stream_all.ts",
    find: "for (const { session } of await Promise.all(running.values())) session?.close();",
    put: "",
    means: "sessions that nobody took stay open",
    tests: ["patch_stream_all_test.ts"],
  },
  {
    file: "session.ts",
    find: "Math.min(this.length, from + count)",
    put: "from + count",
    means: "the cursor runs past the end",
    tests: ["session_test.ts"],
  },
  {
    file: "session.ts",
    find: "this.#parts = undefined;",
    put: "",
    means: "a closed session keeps its patches",
    tests: ["session_test.ts"],
  },
  {
    file: "select.ts",
    find: "Math.min(rule.frames, frames.length)",
    put: "rule.frames",
    means: "more frames are chosen than there are",
    tests: ["select_test.ts"],
  },
  {
    file: "clip_work.ts",
    find: 'this.#plan.energy === "reference" && isSmallForTorch(size)',
    put: "false",
    means: "small frames are resized as large ones are",
    tests: ["small_luma_test.ts"],
  },
  {
    file: "clip_work.ts",
    find: "if (!isEmptyFrame(roundLuma(luma))) return luma;",
    put: "return luma;",
    means: "a frame is compared with a black one",
    tests: ["energy_test.ts"],
  },
  {
    file: "energy.ts",
    find: "this.#compensates ? compensate(here, before, this.#size) : before",
    put: "before",
    means: "the camera's motion counts as change",
    tests: ["energy_test.ts"],
  },
  {
    file: "compensate.ts",
    find: "return GOOD_PART * better >= TILES ** 2 && 3 * worse <= better;",
    put: "return better > worse;",
    means: "an object that moves is taken for the camera",
    tests: ["compensate_test.ts"],
  },
  {
    file: "compensate.ts",
    find: "gain > LEAST_CONTRAST * alike.gain",
    put: "gain > 0",
    means: "a flat picture explains any",
    tests: ["compensate_test.ts"],
  },
  {
    file: "limits.ts",
    find: "if (units.scores[unit]! >= limits.minScore)",
    put: "",
    means: "the least score is not held",
    tests: ["select_test.ts"],
  },
  {
    file: "old_lines.ts",
    find: "...(gpu !== undefined && gpu >= 0 && { decodeDeviceId: gpu, processDeviceId: gpu }),",
    put: "",
    means: "--gpu N takes the first GPU",
    tests: ["old_lines_test.ts"],
  },
  {
    file: "sampled_video.ts",
    find: "this.ids = ids.map((id) => start + id);",
    put: "this.ids = ids;",
    means: "--from is ignored",
    tests: ["command_test.ts"],
  },
];
