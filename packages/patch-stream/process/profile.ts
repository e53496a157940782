/**
 * How long each stage took, as lines on stderr under the environment variables of
 * codec-patch-stream.
 *
 * @module
 */
import { environment, say } from "@vcs/transport/internal";
import type { StageTimings } from "./stopwatch.ts";

/** What a profile line is about. */
export interface ProfiledClip {
  /** `decode_only` or `patch_stream`. */
  readonly call: string;
  /** Which FFmpeg decoded, and where the rest ran, as `node-av cpu`. */
  readonly backend: string;
  /** Frames sampled. */
  readonly samples: number;
  /** Distinct frames decoded and delivered. */
  readonly delivered: number;
  /** Frame width in pixels. */
  readonly width: number;
  /** Frame height in pixels. */
  readonly height: number;
}

const ON = new Set(["1", "true", "TRUE", "on", "ON"]);

function isOn(variable: string): boolean {
  return ON.has(environment.get(variable) ?? "");
}

/**
 * With `CODEC_DECODE_PROFILE` on, writes one line on stderr for a finished call; with
 * `CODEC_DECODE_PROFILE_VERBOSE` on too, a second one with the other stages.
 */
export function reportProfile(clip: ProfiledClip, timings: StageTimings): void {
  if (!isOn("CODEC_DECODE_PROFILE")) return;
  const ms = (...stages: (keyof StageTimings)[]) =>
    stages.map((stage) => `${stage}=${timings[stage].toFixed(2)}`).join(" ");
  const { call, backend, samples, delivered, width, height } = clip;
  const prefix = `[patch-stream][${call}`;
  say(
    `${prefix}] backend=${backend} seq=${samples} size=${width}x${height} ${
      ms("total", "open", "decode")
    }`,
  );
  if (!isOn("CODEC_DECODE_PROFILE_VERBOSE")) return;
  say(
    `${prefix}_detail] frames=${delivered} ${
      ms("firstFrame", "wait", "resize", "energy", "select", "extract")
    }`,
  );
}
