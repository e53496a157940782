/**
 * How videos of an archive become patches.
 *
 * @module
 */
import {
  type BatchItem,
  type BatchRecord,
  type BatchWork,
  defined,
  type OptionValues,
  say,
} from "@vcs/transport/internal";
import { tensor } from "@vcs/transport/tensor";
import type { PatchStreamConfig } from "../config.ts";
import { resolvePatchConfig } from "../config/fields.ts";
import { withoutEffect } from "../config/without_effect.ts";
import manifest from "../deno.json" with { type: "json" };
import { patchStream } from "../patch_stream.ts";
import { sayIgnored } from "./old_lines.ts";
import type { KEEP } from "./options.ts";
import { checkConfig, configOf } from "./stream.ts";

/** Items at once: one is decoded while the patches of another are chosen. */
const JOBS = 2;

/** Settings that change how fast patches come, and not which. */
const SPEED: readonly string[] = [
  ...["decodeThreads", "decodeThreadType", "decodeDeviceId", "readerCacheSize", "profile"],
  ...["nvdecSessionPoolSize", "nvdecReuseOpenDecoder", "processDeviceId", "processThreads"],
  ...["prefetchDepth", "uniformStrategy", "uniformAutoRatio", "videoPath"],
];

/** Prepares for videos, in one of so many processes that share the processors. */
export function openWork(
  options: OptionValues<typeof KEEP>,
  processes: number,
): Promise<BatchWork> {
  const config = shared(configOf(options), processes);
  checkConfig(config);
  sayIgnored(options);
  for (const line of withoutEffect(config)) say(`note: ${line}`);
  const all = Object.entries(resolvePatchConfig({ ...config, videoPath: "-" }));
  const settings = all.filter(([name]) => !SPEED.includes(name));
  return Promise.resolve({
    settings: { command: "patch-stream", ...Object.fromEntries(settings) },
    versions: { "patch-stream": manifest.version, deno: Deno.version.deno },
    jobs: JOBS,
    readsStores: true,
    run: (item, signal) => patchesOf(item, config, signal),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

/** A configuration with a share of the processors, where it does not say otherwise. */
function shared<C extends Pick<PatchStreamConfig, "decodeThreads" | "processThreads">>(
  config: C,
  processes: number,
): C {
  if (processes === 1) return config;
  const share = Math.max(1, Math.floor(navigator.hardwareConcurrency / processes));
  const { decodeThreads, processThreads } = config;
  return {
    ...config,
    decodeThreads: decodeThreads || share,
    processThreads: processThreads || share,
  };
}

/** The patches of a video, where they come from, and the energy of all. */
async function patchesOf(
  { source, from, to }: BatchItem,
  config: Omit<PatchStreamConfig, "videoPath">,
  signal: AbortSignal,
): Promise<BatchRecord> {
  using session = await patchStream({
    ...config,
    ...defined({ from, to }),
    ...{ videoPath: source, signal },
  });
  const { patches, fields, scores, scoreMap, received, ...result } = session.collect();
  const { sampledFrameIds, pts, fps, durationSec, width, height, grid } = result;
  return {
    tensors: {
      ...{ patches, fields, scores, score_map: scoreMap },
      frame_ids: tensor("I32", [sampledFrameIds.length], Int32Array.from(sampledFrameIds)),
      pts: tensor("F64", [pts.length], Float64Array.from(pts)),
    },
    fields: {
      ...{ width, height, fps, seconds: durationSec, patch_size: grid.patchSize },
      ...{ grid_width: grid.gridW, grid_height: grid.gridH },
      replaced_frames: result.replaced.length,
    },
    ...defined({ received }),
  };
}
