/**
 * Where frames come from: video files, folders of images, raw frames on stdin, MJPEG cameras.
 *
 * @module
 */
import { MediaError } from "@vcs/media/errors";
import { mjpegFrames, MjpegReader } from "@vcs/media/mjpeg";
import { BufferedReader, untilAborted } from "@vcs/transport/internal";
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
  /** Images of a camera that could not be decoded so far; they are skipped. */
  readonly damaged: number;
  /** The frames, once. */
  readonly frames: AsyncIterable<TimedFrame>;
}

/** How a source is read. */
export interface SourceOptions {
  /** Size of raw frames, which need it. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Frames per second of raw frames, images and cameras. Default: 24. */
  readonly fps?: number;
  /**
   * Raw frames arrive in real time, as a camera's do, from a program that does not wait. They are
   * not paced here. Default: false, they are read as fast as they are used.
   */
  readonly live?: boolean;
  /** Ends the source after the frames read so far. */
  readonly stop?: AbortSignal;
}

/**
 * Opens a source.
 *
 * @param reference path of a video or of a folder of images, `-` for raw RGB frames on stdin, or
 * the `http:` URL of an MJPEG stream
 * @throws {VideoVqError} `bad-source` if it has no frames.
 * @throws {RangeError} if the size of raw frames is missing.
 */
export async function openSource(
  reference: string,
  options: SourceOptions = {},
): Promise<FrameSource> {
  if (reference === "-") return rawSource(Deno.stdin.readable, options);
  if (/^https?:/.test(reference)) return await mjpegSource(reference, options);
  const { isDirectory } = await Deno.stat(reference);
  return isDirectory
    ? await folderSource(reference, options)
    : await fileSource(reference, options);
}

async function fileSource(path: string, options: SourceOptions): Promise<FrameSource> {
  const { VideoReader } = await import("@vcs/media/video_reader");
  const video = await VideoReader.open(path);
  const { info } = video;
  const text = `${path}, ${info.width}x${info.height}, ${info.frameCount} frames`;
  return {
    description: text,
    frameRate: frameRateOf(info.fps),
    live: false,
    damaged: 0,
    frames: untilAborted(video.frames(), options.stop),
    [Symbol.asyncDispose]: () => video[Symbol.asyncDispose](),
  };
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
  const frames = async function* (): AsyncGenerator<TimedFrame> {
    for (const [i, name] of names.entries()) {
      yield await imageFrame(await Deno.readFile(`${path}/${name}`), i / fps, 1 / fps);
    }
  };
  return {
    description: `${path}, ${names.length} images`,
    frameRate: frameRateOf(fps),
    live: false,
    damaged: 0,
    frames: untilAborted(frames(), options.stop),
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
  { size, fps = 24, live = false, stop }: SourceOptions,
): FrameSource {
  if (!size || !(size.width > 0 && size.height > 0) || size.width * size.height > 2 ** 26) {
    throw new RangeError(
      `Cannot read raw frames: found ${
        size ? `size ${size.width}x${size.height}` : "no size"
      }, expected one up to 8192x8192`,
    );
  }
  return {
    description: `raw frames, ${size.width}x${size.height}`,
    frameRate: frameRateOf(fps),
    live,
    damaged: 0,
    frames: untilAborted(rawFrames(stream, size, fps), stop),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function* rawFrames(
  stream: AsyncIterable<Uint8Array>,
  size: { width: number; height: number },
  fps: number,
): AsyncGenerator<TimedFrame> {
  const bytes = size.width * size.height * 3;
  await using reader = BufferedReader.of(ReadableStream.from(stream));
  for (let index = 0;; index++) {
    const data = await reader.upTo(bytes);
    if (data.length === 0) return;
    if (data.length < bytes) {
      throw new VideoVqError(
        "bad-source",
        `Cannot read raw frames: found ${data.length} bytes after frame ${index}, expected ${bytes}`,
      );
    }
    yield { ...size, data, pts: index / fps, duration: 1 / fps };
  }
}

async function mjpegSource(
  url: string,
  { fps = 24, stop }: SourceOptions,
): Promise<FrameSource> {
  const abort = new AbortController();
  const signal = stop ? AbortSignal.any([stop, abort.signal]) : abort.signal;
  const stream = await openCamera(url, signal);
  const reader = new MjpegReader();
  let undecodable = 0;
  const skip = (error: unknown) => {
    if (!(error instanceof MediaError)) throw error;
    undecodable++;
  };
  const frames = async function* () {
    const start = performance.now();
    for await (const { data } of mjpegFrames(stream, reader)) {
      const pts = (performance.now() - start) / 1000;
      const frame = await imageFrame(data, pts, 1 / fps).catch(skip);
      if (frame) yield frame;
    }
  };
  return {
    description: `camera ${url}`,
    frameRate: frameRateOf(fps),
    live: true,
    get damaged() {
      return undecodable + reader.stats.truncated;
    },
    frames: untilAborted(frames(), stop),
    [Symbol.asyncDispose]: () => Promise.resolve(abort.abort()),
  };
}

async function openCamera(
  url: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(url, { signal });
  if (response.ok && response.body) return response.body;
  await response.body?.cancel();
  throw new VideoVqError(
    "bad-source",
    `Cannot read camera ${url}: found HTTP ${response.status} ${response.statusText}, expected 200`,
  );
}

async function imageFrame(bytes: Uint8Array, pts: number, duration: number): Promise<TimedFrame> {
  const { decodeImage } = await import("@vcs/media/image");
  const { width, height, data } = await decodeImage(bytes);
  return { width, height, data, pts, duration };
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
