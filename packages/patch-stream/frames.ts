/**
 * The patches of frames that something else has decoded: WebCodecs in a browser, a camera, another
 * library. It runs everywhere, in the calling thread; `sampleByIndex` says which frames of a video
 * to decode.
 *
 * @example A square moves over a still background
 * ```ts
 * import { patchesOfFrames } from "@vcs/patch-stream/frames";
 * import assert from "node:assert/strict";
 *
 * const frames = [8, 40].map((left) => {
 *   const rgb = new Uint8Array(96 * 64 * 3).fill(40);
 *   for (let y = 16; y < 48; y++) rgb.fill(220, 3 * (96 * y + left), 3 * (96 * y + left + 32));
 *   return rgb;
 * });
 * const clip = { width: 96, height: 64, ids: [0, 1], frames };
 * const { patches, fields } = await patchesOfFrames(clip, { kKeep: 16, keyFrames: "score" });
 * assert.deepEqual(patches.shape, [16, 3, 14, 14]);
 * assert.equal(fields.data[0], 1n); // all of the second frame: nothing moved before
 * ```
 *
 * @module
 */
import type { DecodeConfig, PatchStreamConfig } from "./config.ts";
import { resolveFramesConfig } from "./config/fields.ts";
import { openCpuStage } from "./process/cpu.ts";
import { Stopwatch } from "./process/stopwatch.ts";
import { streamFrames } from "./process/stream_frames.ts";
import type { Grid, PatchBatch } from "./session.ts";
import type { Tensor } from "@vcs/transport/tensor";

export { type IndexRule, sampleByIndex, sampleByTime } from "./sampling/sampling.ts";

/** Decoded frames of a clip. */
export interface ClipFrames {
  /** Width of every frame in pixels, upright. */
  readonly width: number;
  /** Height of every frame in pixels, upright. */
  readonly height: number;
  /** Number of the frame at each position of the sequence, ascending; frames may repeat. */
  readonly ids: readonly number[];
  /** Whether each position counts as a key frame. Default: the first does. */
  readonly isKey?: readonly boolean[];
  /**
   * Each distinct frame once, in order: RGB of 8 bits, [height, width, 3]. A frame is not to be
   * changed after it was handed over.
   */
  readonly frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** What is done with frames: the fields of `PatchStreamConfig` that concern neither decoder nor device. */
export interface FramesConfig extends
  Omit<
    PatchStreamConfig,
    | Exclude<keyof DecodeConfig, "onProgress">
    | "energy"
    | "processBackend"
    | "processDeviceId"
    | "processThreads"
    | "prefetchDepth"
  > {
  /** How energy is measured; `codec` needs the decoder's own motion. Default: `blocksad`. */
  energy?: "blocksad" | "reference";
}

/** The kept patches of a clip. */
export interface FramePatches extends PatchBatch {
  /** Size of the resized frames, and the patches on them. */
  readonly grid: Grid;
  /** Energy of every patch, kept or not, [T, gridH, gridW]. */
  readonly scoreMap: Tensor<"F32">;
  /** Resized frame of each position in the sequence, [targetH, targetW, 3], 0 to 255, not rounded. */
  readonly pixels: readonly Float32Array[];
}

/**
 * Keeps the patches with the most energy of frames that are decoded already.
 *
 * @throws {RangeError} for a number out of range, or a frame that is not of the clip's size
 * @throws {TypeError} for an unknown word or field
 */
export async function patchesOfFrames(
  clip: ClipFrames,
  config: FramesConfig = {},
): Promise<FramePatches> {
  const settings = resolveFramesConfig(config);
  const isKey = clip.isKey ?? clip.ids.map((_, position) => position === 0);
  const source = { ...clip, isKey, frames: withData(clip.frames) };
  const here = { threads: 1 };
  const { delivered: _, processedOn: _here, ...patches } = await streamFrames(
    source,
    settings,
    (plan) => openCpuStage(plan, here),
    new Stopwatch(),
  );
  return patches;
}

async function* withData(frames: ClipFrames["frames"]): AsyncGenerator<{ data: Uint8Array }> {
  for await (const data of frames) yield { data };
}
