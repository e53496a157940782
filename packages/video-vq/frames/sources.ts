/**
 * Where frames come from: video files, folders of images, raw frames on stdin, cameras.
 *
 * @module
 */
import { steadyBytes, systemClock, unlessStalled } from "@vcs/transport/portable";
import { MediaError } from "@vcs/media/errors";
import { shownSource, sourceKind } from "@vcs/media/internal";
import {
  type FrameRangeOptions,
  type LiveEvent,
  pathOf,
  type VideoInfo,
  type VideoReader,
} from "@vcs/media/video_reader";
import { mjpegFrames, MjpegReader } from "@vcs/media/mjpeg";
import { BufferedReader, defined, untilAborted } from "@vcs/transport/internal";
import { VideoVqError } from "../errors.ts";
import type { FrameRate } from "../stream/payload.ts";
import type { TimedFrame } from "../stream/windows.ts";

/** An open source. */
export interface FrameSource extends AsyncDisposable {
  /** What it is, for people. */
  readonly description: string;
  /** Nominal rate. */
  readonly frameRate: FrameRate;
  /** Whether frames arrive in real time and do not wait. */
  readonly live: boolean;
  /** Frames so far that could not be read as they should be; `onError` says what became of them. */
  readonly damaged: number;
  /** Frames of a live source so far that gave way to later ones before they were taken. */
  readonly dropped: number;
  /** The frames, once. */
  readonly frames: AsyncIterable<TimedFrame>;
}

/** What becomes of a frame that cannot be read. */
export type OnError = "throw" | "nearest" | "skip";

/** How a source is read. */
export interface SourceOptions {
  /** Size of raw frames, which need it. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Frames per second of raw frames, images and cameras. Default: the camera's own, else 24. */
  readonly fps?: number;
  /**
   * Raw frames arrive in real time, as a camera's do, from a program that does not wait. They are
   * not paced here. Default: false, they are read as fast as they are used.
   */
  readonly live?: boolean;
  /**
   * What becomes of a frame that cannot be read: the source fails (`throw`), its nearest neighbour
   * stands in its place (`nearest`), or it is left out (`skip`). Default: nearest.
   */
  readonly onError?: OnError;
  /** Called on each connection to a live source over FFmpeg, and on each loss of one. */
  readonly onEvent?: (event: LiveEvent) => void;
  /** Ends the source after the frames read so far. */
  readonly stop?: AbortSignal;
}

/**
 * Opens a source.
 *
 * @param reference path of a video or of a folder of images, `-` for raw RGB frames on stdin, the
 * `http:` URL of an MJPEG stream, or what `openLive` of `@vcs/media` reads, as an `rtsp:` URL
 * @throws {VideoVqError} `bad-source` if it has no frames.
 * @throws {RangeError} if the size of raw frames is missing.
 * @throws {TypeError} for a URL of another scheme; the message holds no password.
 * @throws {MediaError} `connection-lost` if a live source cannot be reached.
 */
export async function openSource(
  reference: string,
  options: SourceOptions = {},
): Promise<FrameSource> {
  if (reference === "-") return rawSource(Deno.stdin.readable, options);
  const kind = sourceKind(reference);
  if (kind === "live") return await liveSource(reference, options);
  if (kind === "http") return await mjpegSource(reference, options);
  const path = pathOf(reference);
  const { isDirectory } = await Deno.stat(path);
  return isDirectory ? await folderSource(path, options) : await fileSource(path, options);
}

/** How videos are read, so that frames are what people see. */
export const AS_SEEN = { hdr: "sdr", alpha: "black", interlaced: "field" } as const;

/** What was done to frames, for people. */
function changesIn(
  info: Partial<Pick<VideoInfo, "toneMapped" | "flattened" | "deinterlaced">>,
): string {
  return [
    info.deinterlaced ? ", interlaced: the first field of each frame" : "",
    info.toneMapped ? ", HDR mapped to SDR" : "",
    info.flattened ? ", transparency over black" : "",
  ].join("");
}

async function fileSource(path: string, options: SourceOptions): Promise<FrameSource> {
  const { VideoReader } = await import("@vcs/media/video_reader");
  const video = await VideoReader.open(path, {
    onError: options.onError ?? "nearest",
    ...AS_SEEN,
  });
  const { info } = video;
  const size = `${info.width}x${info.height}, ${info.frameCount} frames`;
  return {
    description: `${path}, ${size}${changesIn(info)}`,
    frameRate: frameRateOf(nominalRate(info)),
    live: false,
    get damaged() {
      return video.replaced.length;
    },
    dropped: 0,
    frames: untilAborted(shapedFrames(video), options.stop),
    [Symbol.asyncDispose]: () => video[Symbol.asyncDispose](),
  };
}

/** Rates that videos usually have. */
const USUAL_RATES = [24, 25, 30, 48, 50, 60, 100, 120].flatMap((fps) => [fps, fps * 1000 / 1001]);

/** The usual rate of a video whose timestamps are whole milliseconds, as WebM's are, or its own. */
export function nominalRate(
  { fps, frameCount, duration }: Pick<VideoInfo, "fps" | "frameCount" | "duration">,
): number {
  const off = (rate: number) => Math.abs(frameCount / rate - duration);
  const nearest = USUAL_RATES.reduce((best, rate) => off(rate) < off(best) ? rate : best);
  return off(nearest) < 2e-3 ? nearest : fps;
}

/** The frames of a video, or those of a range, with the shape of their pixels. */
export async function* shapedFrames(
  video: VideoReader,
  range: FrameRangeOptions = {},
): AsyncGenerator<TimedFrame> {
  const { sampleAspectRatio: [across, down], rotation } = video.info;
  const pixelAspect = rotation % 180 === 0 ? across / down : down / across;
  for await (const frame of video.frames(range)) yield { ...frame, pixelAspect };
}

async function folderSource(path: string, options: SourceOptions): Promise<FrameSource> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(path)) {
    if (entry.isFile && /\.(jpe?g|png|webp)$/i.test(entry.name)) names.push(entry.name);
  }
  if (names.length === 0) {
    throw new VideoVqError(
      "bad-source",
      `Cannot read ${path}: found no images in the folder, expected .jpg, .png or .webp`,
    );
  }
  const { fps = 24 } = options;
  names.sort(new Intl.Collator("en", { numeric: true }).compare);
  const files = async function* () {
    for (const [i, name] of names.entries()) {
      yield { bytes: await Deno.readFile(`${path}/${name}`), pts: i / fps, name };
    }
  };
  const images = new Images(options.onError, 1 / fps);
  return {
    description: `${path}, ${names.length} images`,
    frameRate: frameRateOf(fps),
    live: false,
    get damaged() {
      return images.damaged;
    },
    dropped: 0,
    frames: untilAborted(images.decoded(files()), options.stop),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Raw RGB frames one after the other, as `ffmpeg … -f rawvideo -pix_fmt rgb24 -` writes them.
 *
 * @throws {RangeError} if the size is missing or out of range.
 */
export function rawSource(
  stream: AsyncIterable<Uint8Array>,
  { size, fps = 24, live = false, onError = "nearest", stop }: SourceOptions,
): FrameSource {
  if (!size || !(size.width > 0 && size.height > 0) || size.width * size.height > 2 ** 26) {
    throw new RangeError(
      `Cannot read raw frames: found ${
        size ? `size ${size.width}x${size.height}` : "no size"
      }, expected one up to 8192x8192`,
    );
  }
  let damaged = 0;
  const onTorn = (found: string) => {
    if (onError === "throw") {
      throw new VideoVqError("bad-source", `Cannot read raw frames: ${found}`);
    }
    damaged++;
  };
  return {
    description: `raw frames, ${size.width}x${size.height}`,
    frameRate: frameRateOf(fps),
    live,
    get damaged() {
      return damaged;
    },
    dropped: 0,
    frames: untilAborted(rawFrames(stream, size, fps, onTorn), stop),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A frame that is torn off at the end is damaged: none can follow it. */
async function* rawFrames(
  stream: AsyncIterable<Uint8Array>,
  size: { width: number; height: number },
  fps: number,
  onTorn: (found: string) => void,
): AsyncGenerator<TimedFrame> {
  const bytes = size.width * size.height * 3;
  await using reader = BufferedReader.of(ReadableStream.from(stream));
  for (let index = 0;; index++) {
    const data = await reader.upTo(bytes);
    if (data.length === 0) return;
    if (data.length < bytes) {
      return onTorn(`found ${data.length} bytes after frame ${index}, expected ${bytes}`);
    }
    yield { ...size, data, pts: index / fps, duration: 1 / fps };
  }
}

/** Frames of a live source that wait for the encoder: two windows. */
const WAITING_FRAMES = 34;

/** A source that FFmpeg reads live; its frames are timed by their arrival. */
async function liveSource(
  reference: string,
  { fps, stop, onEvent }: SourceOptions,
): Promise<FrameSource> {
  const { openLive } = await import("@vcs/media/video_reader");
  let dropped = 0;
  const onDrop = () => void dropped++;
  const shared = { capacity: WAITING_FRAMES, onDrop, ...defined({ signal: stop, onEvent }) };
  const live = await openLive(reference, { ...shared, ...AS_SEEN });
  const { codec, width, height, sampleAspectRatio: [across, down] } = live.info;
  const rate = fps ?? (live.info.fps || 24);
  const timed = async function* () {
    let start: number | undefined;
    for await (const { timestamp, ...frame } of live.frames) {
      start ??= timestamp;
      const times = { pts: timestamp - start, duration: 1 / rate, capturedAt: 1000 * timestamp };
      yield { ...frame, ...times, pixelAspect: across / down };
    }
  };
  return {
    description: `camera ${live.url}, ${codec}, ${width}x${height}${changesIn(live.info)}`,
    frameRate: frameRateOf(rate),
    live: true,
    damaged: 0,
    get dropped() {
      return dropped;
    },
    frames: untilAborted(timed(), stop),
    [Symbol.asyncDispose]: () => live[Symbol.asyncDispose](),
  };
}

async function mjpegSource(
  url: string,
  { fps = 24, onError, stop }: SourceOptions,
): Promise<FrameSource> {
  const abort = new AbortController();
  const signal = stop ? AbortSignal.any([stop, abort.signal]) : abort.signal;
  const name = shownSource(url);
  const stream = await openCamera(url, signal);
  const reader = new MjpegReader();
  const images = new Images(onError, 1 / fps);
  const taken = async function* () {
    const start = performance.now();
    for await (const { data: bytes } of mjpegFrames(stream, reader)) {
      yield { bytes, pts: (performance.now() - start) / 1000, name };
    }
  };
  return {
    description: `camera ${name}`,
    frameRate: frameRateOf(fps),
    live: true,
    get damaged() {
      return images.damaged + reader.stats.truncated;
    },
    dropped: 0,
    frames: untilAborted(images.decoded(taken()), stop),
    [Symbol.asyncDispose]: () => Promise.resolve(abort.abort()),
  };
}

async function openCamera(
  url: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const response = await unlessStalled(
    systemClock,
    signal,
    (either) => fetch(url, { signal: either }),
  );
  if (response.ok && response.body) {
    return ReadableStream.from(steadyBytes(response.body, systemClock));
  }
  await response.body?.cancel();
  throw new VideoVqError(
    "bad-source",
    `Cannot read camera ${
      shownSource(url)
    }: found HTTP ${response.status} ${response.statusText}, expected 200`,
  );
}

/** A file of an image, and when it is shown. */
interface ImageFile {
  readonly bytes: Uint8Array;
  readonly pts: number;
  /** Where it is from, for people. */
  readonly name: string;
}

/** Images as frames; those that cannot be decoded are dealt with as `onError` says. */
class Images {
  readonly #onError: OnError;
  readonly #duration: number;
  damaged = 0;

  constructor(onError: OnError = "nearest", duration: number) {
    this.#onError = onError;
    this.#duration = duration;
  }

  async *decoded(files: AsyncIterable<ImageFile>): AsyncGenerator<TimedFrame> {
    /** Times of the images before the first one that can be decoded, which stands in for them. */
    const waiting: number[] = [];
    let last: TimedFrame | undefined;
    for await (const { bytes, pts, name } of files) {
      const frame = await this.#decode(bytes, pts, name);
      if (!frame && this.#onError === "skip") continue;
      if (!frame && !last) {
        waiting.push(pts);
        continue;
      }
      last = frame ?? { ...last!, pts };
      for (const earlier of waiting.splice(0)) yield { ...last, pts: earlier };
      yield last;
    }
  }

  async #decode(bytes: Uint8Array, pts: number, name: string): Promise<TimedFrame | undefined> {
    const { decodeImage } = await import("@vcs/media/image");
    try {
      const { width, height, data } = await decodeImage(bytes, { alpha: AS_SEEN.alpha });
      return { width, height, data, pts, duration: this.#duration };
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      if (this.#onError === "throw") {
        throw new VideoVqError("bad-source", `Cannot read ${name}: ${error.message}`, {
          cause: error,
        });
      }
      this.damaged++;
      return undefined;
    }
  }
}

/** The fraction that a rate stands for: 24000/1001 for 23.976. */
export function frameRateOf(fps: number): FrameRate {
  if (!(fps > 0 && fps <= 1000)) {
    throw new RangeError(
      `Cannot use a frame rate: found ${fps} per second, expected above 0, up to 1000`,
    );
  }
  for (const denominator of [1, 1001, 2, 3, 4, 5, 6, 8, 10, 100]) {
    const numerator = Math.round(fps * denominator);
    if (numerator > 0 && Math.abs(numerator / denominator - fps) < fps * 1e-5) {
      return [numerator, denominator];
    }
  }
  return [Math.round(fps * 1000), 1000];
}
