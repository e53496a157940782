/**
 * Writes frames as a video file: MP4 with H.264, or WebM with VP9.
 *
 * @example Two seconds of grey that gets lighter
 * ```ts
 * import { VideoReader } from "@vcs/media/video_reader";
 * import { VideoWriter } from "@vcs/media/video_writer";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".mp4" });
 * {
 *   await using writer = await VideoWriter.open(path, { width: 64, height: 48, fps: 25 });
 *   for (let i = 0; i < 50; i++) {
 *     await writer.add({ data: new Uint8Array(64 * 48 * 3).fill(i * 4) });
 *   }
 * }
 * {
 *   await using video = await VideoReader.open(path);
 *   assert.equal(video.info.frameCount, 50);
 * }
 * await Deno.remove(path);
 * ```
 *
 * @module
 */
import { resolve } from "node:path";
import { chooseWay } from "./ffmpeg/backends.ts";
import { MediaError } from "./errors.ts";
import type { AudioPlan, EncodePlan, VideoEncoder } from "./encode/video_encoder.ts";

/** Options of a video writer. */
export interface VideoWriterOptions {
  /** Width of every frame in pixels; even for MP4. */
  width: number;
  /** Height of every frame in pixels; even for MP4. */
  height: number;
  /** Frames per second; the usual broken rates are recognised. With `timed` what is usual. */
  fps: number;
  /**
   * Whether each frame is shown from its own `pts` on, to a microsecond (WebM: a millisecond), in
   * place of a constant rate. Default: false.
   */
  timed?: boolean;
  /** A track of sound: AAC in MP4, Opus in WebM. Default: none. */
  audio?: {
    /** Samples per second and channel: a rate that the codec has, such as 48,000. */
    readonly sampleRate: number;
    /** Channels, 1 or 2. */
    readonly channels: number;
  };
  /** Container and codec. Default: by the name of the file, ".webm" or else MP4. */
  format?: "mp4" | "webm";
  /** Constant rate factor: lower is better and larger. Default: 20 for H.264, 32 for VP9. */
  crf?: number;
  /** Most frames between key frames. Default: 250. */
  keyframeInterval?: number;
  /** Which FFmpeg to use. Default: "auto". */
  backend?: "auto" | "node-av" | "ffmpeg";
}

/** What a writer takes: a `VideoFrame` of a reader is one. */
export interface WritableFrame {
  /** RGB, shape [height, width, 3]. */
  readonly data: Uint8Array;
  /** Seconds from the beginning at which it is shown, and more than the frame before: if `timed`. */
  readonly pts?: number;
}

/** Encoder, its settings and the largest rate factor of each format. */
const FORMATS = {
  mp4: {
    encoder: "libx264",
    settings: { preset: "veryfast" },
    crf: 20,
    most: 51,
    sound: "aac",
  },
  webm: {
    encoder: "libvpx-vp9",
    settings: { b: "0", deadline: "realtime", "cpu-used": "6", "row-mt": "1" },
    crf: 32,
    most: 63,
    sound: "libopus",
  },
} as const;

/** 29.97 as 30000/1001 and so on; other rates to a thousandth. */
function rateOf(fps: number): [number, number] {
  const broken = Math.round(fps * 1.001);
  if (Math.abs(broken * 1000 / 1001 - fps) < 5e-3 && Math.abs(fps - Math.round(fps)) > 5e-3) {
    return [broken * 1000, 1001];
  }
  return Number.isInteger(fps) ? [fps, 1] : [Math.round(fps * 1000), 1000];
}

/** Rates of samples that the encoders take. */
const SAMPLE_RATES: Readonly<Record<AudioPlan["encoder"], readonly number[]>> = {
  aac: [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000],
  libopus: [8000, 12000, 16000, 24000, 48000],
};

/** Ticks of a frame where frames have times of their own: about a microsecond each. */
function ticksPerFrame([num, den]: readonly [number, number]): number {
  return Math.max(1, Math.floor(1e6 * den / num));
}

function audioPlan(
  audio: VideoWriterOptions["audio"],
  encoder: AudioPlan["encoder"],
): AudioPlan | undefined {
  if (audio === undefined) return undefined;
  const { sampleRate, channels } = audio;
  checkRange("audio.channels", channels, 1, 2);
  if (SAMPLE_RATES[encoder].includes(sampleRate)) return { encoder, sampleRate, channels };
  throw new RangeError(
    `Cannot write video: audio.sampleRate must be one of ${
      SAMPLE_RATES[encoder].join(", ")
    }, found ${sampleRate}`,
  );
}

function checkRange(name: string, value: number, least: number, most: number, whole = true): void {
  if (value >= least && value <= most && (!whole || Number.isSafeInteger(value))) return;
  const kind = whole ? "a whole number of" : "between";
  throw new RangeError(
    `Cannot write video: ${name} must be ${kind} ${least} to ${most}, found ${value}`,
  );
}

function planOf(path: string, options: VideoWriterOptions): EncodePlan {
  const { width, height, fps, keyframeInterval = 250 } = options;
  const format = options.format ?? (/\.webm$/i.test(path) ? "webm" : "mp4");
  const chosen = FORMATS[format];
  if (chosen === undefined) {
    throw new TypeError(`Cannot write video: format must be mp4 or webm, found ${format}`);
  }
  const crf = options.crf ?? chosen.crf;
  checkRange("width", width, 1, 16384);
  checkRange("height", height, 1, 16384);
  checkRange("fps", fps, 0.001, 1000, false);
  checkRange("crf", crf, 0, chosen.most);
  checkRange("keyframeInterval", keyframeInterval, 1, 100_000);
  if (format === "mp4" && (width % 2 || height % 2)) {
    throw new RangeError(
      `Cannot write video: MP4 needs even width and height, found ${width}x${height}; WebM takes any`,
    );
  }
  const matrix = height >= 720 ? "bt709" : "smpte170m";
  const swscale = matrix === "bt709" ? "bt709" : "bt601";
  const rate = rateOf(fps);
  return {
    // Whole, because FFmpeg takes "12:30.mp4" for a protocol and "-x.mp4" for an option.
    path: resolve(path),
    container: format,
    encoder: chosen.encoder,
    settings: { ...chosen.settings, crf: `${crf}` },
    width,
    height,
    rate,
    timeBase: [rate[1], rate[0] * (options.timed ? ticksPerFrame(rate) : 1)],
    audio: audioPlan(options.audio, chosen.sound),
    keyframeInterval,
    matrix,
    filter: `scale=flags=bilinear:out_color_matrix=${swscale}:out_range=tv,format=yuv420p`,
  };
}

async function startEncoder(
  plan: EncodePlan,
  backend: "auto" | "node-av" | "ffmpeg",
): Promise<VideoEncoder> {
  if (await chooseWay(backend) === "node-av") {
    return await (await import("./encode/writer_node_av.ts")).startNodeAvWriter(plan);
  }
  return await (await import("./encode/writer_ffmpeg.ts")).startFfmpegWriter(plan);
}

/**
 * A video file that is being written. Frames follow each other at a constant rate, or are shown at
 * their own times (`timed`).
 */
export class VideoWriter implements AsyncDisposable {
  readonly #plan: EncodePlan;
  readonly #encoder: VideoEncoder;
  readonly #isTimed: boolean;
  #queue: Promise<void> = Promise.resolve();
  #frames = 0;
  /** Time of the latest frame in seconds. */
  #latest = -1;
  #state: "open" | "closed" | "failed" = "open";
  #closing: Promise<void> | undefined;

  /** Takes frames and closes the file at the end: the target of a `pipeTo`. */
  readonly writable: WritableStream<WritableFrame>;

  private constructor(plan: EncodePlan, encoder: VideoEncoder, isTimed: boolean) {
    this.#plan = plan;
    this.#isTimed = isTimed;
    this.#encoder = encoder;
    this.writable = new WritableStream({
      write: (frame) => this.add(frame),
      close: () => this.close(),
      abort: () => this.abort(),
    });
  }

  /**
   * Starts a video file; an existing one is replaced.
   *
   * @throws {RangeError} for a size, rate or factor out of range, or an odd size for MP4
   * @throws {MediaError} `no-backend`, `unsupported`, `encode-failed`
   */
  static async open(path: string, options: VideoWriterOptions): Promise<VideoWriter> {
    const plan = planOf(path, options);
    const encoder = await startEncoder(plan, options.backend ?? "auto");
    return new VideoWriter(plan, encoder, options.timed ?? false);
  }

  /** Number of frames taken so far. */
  get frames(): number {
    return this.#frames;
  }

  /**
   * Adds a frame. Resolves when the encoder has taken it, so that waiting for it bounds memory.
   *
   * @throws {RangeError} where the data is not of the size of the video, or the time is not a later
   * one
   * @throws {MediaError} `encode-failed`, `closed`
   */
  async add({ data, pts }: WritableFrame): Promise<void> {
    const { width, height } = this.#plan;
    if (data.length !== width * height * 3) {
      throw new RangeError(
        `Cannot write frame: ${width}x${height} RGB needs ${width * height * 3} bytes, ` +
          `found ${data.length}`,
      );
    }
    this.#checkOpen();
    const seconds = this.#timeOf(pts);
    this.#frames++;
    this.#latest = seconds;
    await this.#inTurn(() => this.#encoder.write(data, seconds));
  }

  /**
   * Adds samples that follow those before; the first is heard when the video begins. Sound and
   * frames are best added as they come in time.
   *
   * @param planes a plane for each channel, all of one length; -1 to 1
   * @throws {TypeError} where the writer was opened without sound
   * @throws {RangeError} where there is not a plane for each channel
   * @throws {MediaError} `encode-failed`, `closed`
   */
  async addAudio(planes: readonly Float32Array[]): Promise<void> {
    const { audio } = this.#plan;
    if (audio === undefined) {
      throw new TypeError("Cannot write sound: the writer was opened without the option audio");
    }
    if (planes.length !== audio.channels || planes.some((p) => p.length !== planes[0]!.length)) {
      throw new RangeError(
        `Cannot write sound: found planes of ${planes.map(({ length }) => length)} samples, ` +
          `expected ${audio.channels} of one length`,
      );
    }
    this.#checkOpen();
    if (planes[0]!.length > 0) await this.#inTurn(() => this.#encoder.writeAudio(planes));
  }

  #checkOpen(): void {
    if (this.#state === "open") return;
    throw new MediaError("closed", "Cannot write frame: the writer is closed");
  }

  /** When a frame is shown, in seconds. */
  #timeOf(pts: number | undefined): number {
    const { timeBase: [num, den], rate } = this.#plan;
    if (!this.#isTimed) return this.#frames * rate[1] / rate[0];
    const later = this.#frames === 0 ? 0 : this.#latest + num / den;
    if (pts !== undefined && Number.isFinite(pts) && pts >= later) return pts;
    throw new RangeError(
      `Cannot write frame ${this.#frames}: found the time ${pts}, expected ${later} or later`,
    );
  }

  /** Does one thing after the other. */
  async #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#queue.then(write);
    this.#queue = turn.catch(() => {
      this.#state = "failed";
    });
    await turn;
  }

  /**
   * Ends the file. Does nothing once it has ended.
   *
   * @throws {MediaError} `encode-failed`, also for a video without frames
   */
  async close(): Promise<void> {
    if (this.#state === "closed") return await this.#closing;
    this.#closing ??= this.#close().finally(() => this.#closing = undefined);
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#queue;
    const state = this.#state;
    this.#state = "closed";
    if (state === "open" && this.#frames > 0) return await this.#encoder.finish();
    await this.#encoder.abort();
    const reason = state === "failed" ? "a frame could not be written" : "there were no frames";
    throw new MediaError("encode-failed", `Cannot write ${this.#plan.path}: ${reason}`);
  }

  /** Gives up and removes the file. */
  async abort(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    await this.#queue;
    await this.#encoder.abort();
    await Deno.remove(this.#plan.path).catch(() => {});
  }

  /** Ends the file, as {@linkcode VideoWriter.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
