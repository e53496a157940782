/**
 * How long each stage takes: for results, and as lines on stderr under the environment variables
 * of codec-patch-stream.
 *
 * @module
 */
import { environment, say } from "@vcs/transport/internal";

/** Milliseconds by stage. Stages overlap: decoding goes on while threads process. */
export interface StageTimings {
  /** Opening the video, with its index. */
  open: number;
  /** Waiting for the first decoded frame. */
  firstFrame: number;
  /** Waiting for decoded frames, the first included. */
  decode: number;
  /** Waiting for room in the process stage, or for it to end. */
  wait: number;
  /** Resizing, summed over threads. */
  resize: number;
  /** Measuring energy, summed over threads. */
  energy: number;
  /** Choosing patches. */
  select: number;
  /** Cutting patches out. */
  extract: number;
  /** From start to end. */
  total: number;
}

/** Measures stages one after the other. */
export class Stopwatch {
  /** What was measured so far. */
  readonly timings: StageTimings = {
    open: 0,
    firstFrame: 0,
    decode: 0,
    wait: 0,
    resize: 0,
    energy: 0,
    select: 0,
    extract: 0,
    total: 0,
  };
  readonly #start = performance.now();
  #lap = this.#start;

  /** Milliseconds since the last lap. */
  get sinceLap(): number {
    return performance.now() - this.#lap;
  }

  /** Adds the time since the last lap to a stage. */
  lap(stage: keyof StageTimings): void {
    const now = performance.now();
    this.timings[stage] += now - this.#lap;
    this.#lap = now;
  }

  /** Ends the measurement. */
  stop(): StageTimings {
    this.timings.total = performance.now() - this.#start;
    return this.timings;
  }
}

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
