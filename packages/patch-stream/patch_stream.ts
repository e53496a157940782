/**
 * From a video to the patches that carry its energy.
 *
 * @example The patches of a video
 * ```ts ignore
 * import { patchStream } from "@vcs/patch-stream/patch_stream";
 *
 * using session = await patchStream({ videoPath: "clip.mp4", kKeep: 512 });
 * console.log(session.patches.shape); // [512, 3, 14, 14]
 * for (const [patch, record] of session) console.log(patch.shape, record.patchHIdx);
 * ```
 *
 * @module
 */
import type { PatchStreamConfig } from "./config.ts";
import { resolvePatchConfig } from "./config/fields.ts";
import { settleBackends } from "./config/settle.ts";
import { checkProcessBackend } from "./process/backend.ts";
import { Stopwatch } from "./process/stopwatch.ts";
import { SampledVideo } from "./sampling/sampled_video.ts";
import type { PatchStreamSession } from "./session.ts";
import { streamVideo } from "./process/stream_video.ts";

/**
 * Samples a video and keeps the patches with the most energy.
 *
 * @throws {RangeError} for a number out of range, before anything is opened
 * @throws {TypeError} for an unknown word or field, before anything is opened
 * @throws {PatchStreamError} `backend-unavailable`
 * @throws {Deno.errors.NotFound} where there is no such file
 * @throws {MediaError} where the video or a frame cannot be read; see its `code`
 */
export async function patchStream(config: PatchStreamConfig): Promise<PatchStreamSession> {
  const resolved = await settleBackends(resolvePatchConfig(config));
  await checkProcessBackend(resolved);
  const watch = new Stopwatch();
  await using reader = await SampledVideo.open(resolved, resolved.energy !== "codec");
  return await streamVideo(new SampledVideo(reader, resolved), resolved, watch);
}
