/**
 * Samples a video uniformly and keeps the patches that carry the energy.
 *
 * As a command: `deno run -A jsr:@vcs/patch-stream [options] VIDEO…`. As a library:
 *
 * @example
 * ```ts ignore
 * import { patchStream } from "@vcs/patch-stream";
 *
 * using session = await patchStream({ videoPath: "clip.mp4", kKeep: 512 });
 * const { patches, fields, scores } = session.next(64);
 * ```
 *
 * @module
 */
export { patchStream } from "./patch_stream.ts";
export {
  type MediaSource,
  patchStreamAll,
  type PatchStreamAllConfig,
  patchStreamBatches,
  type VideoBatch,
  type VideoOutcome,
} from "./patch_stream_all.ts";
export {
  type DecodedFrames,
  decodeOnly,
  type FrameStream,
  openFrames,
  type Replacement,
  type SampledFrames,
  type StageTimings,
  type StreamedFrame,
} from "./decode_only.ts";
export {
  type BackendName,
  type DecodeConfig,
  type EnergyMode,
  type IndexRule,
  type KeyFramePolicy,
  type Normalization,
  type PatchStreamConfig,
  REFERENCE,
  type SelectionUnit,
} from "./config.ts";
export {
  FIELD_NAMES,
  type Grid,
  type PatchBatch,
  type PatchRecord,
  type PatchStreamResult,
  PatchStreamSession,
  type PatchTensor,
} from "./session.ts";
export {
  type ClipFrames,
  type FramePatches,
  type FramesConfig,
  patchesOfFrames,
} from "./frames.ts";
export { type LivePatchConfig, patchStreamLive } from "./process/stream_live.ts";
export { PatchStreamError, type PatchStreamErrorCode } from "./errors.ts";
export { encodeResult, type SaveFormat } from "./output/save.ts";

if (import.meta.main) {
  const [{ runCommand }, { patchStreamCommand }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(patchStreamCommand);
}
