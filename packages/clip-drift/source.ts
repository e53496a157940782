/**
 * Where pictures come from: a camera, a file of MJPEG, a folder of pictures, any video, or
 * standard input.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import { decodeImage, encodeJpeg } from "@vcs/media/image";
import { type MjpegFrame, mjpegFrames } from "@vcs/media/mjpeg";
import { splitCredentials } from "./auth.ts";
import { type CameraEvent, cameraFrames, type CameraOptions } from "./camera.ts";
import { ClipDriftError } from "./errors.ts";
import { newest } from "./newest.ts";
import type { RgbImage } from "./preprocess.ts";

/** One picture of a source. */
export interface SourceFrame {
  /** When it came, or when it is shown, in seconds since 1970. */
  readonly timestamp: number;
  /** The file as it came; undefined for frames of a video. */
  readonly bytes?: Uint8Array;
  /**
   * The picture.
   *
   * @throws {ClipDriftError} `bad-image`
   */
  image(): Promise<RgbImage>;
  /** The picture as a JPEG: the camera's own bytes where it sent one. */
  jpeg(): Promise<Uint8Array>;
}

/** How to read a source. */
export interface SourceOptions extends Omit<CameraOptions, "signal" | "onEvent"> {
  /**
   * `latest` hands on only the newest frame, `all` every one; cameras are read by `latest` and
   * files by `all` where nothing is said.
   */
  readonly policy?: "latest" | "all";
  /** Frames in a second of files that do not say when their frames were taken; 15 by default. */
  readonly fps?: number;
  /** Called with what happens on the way to a camera. */
  readonly onEvent?: (event: CameraEvent) => void;
  /** Called with each frame that was replaced before it was taken. */
  readonly onDrop?: () => void;
}

/** A source, ready to be read. */
export interface Source {
  /** Its address for people, without credentials. */
  readonly name: string;
  /** Whether frames come by themselves and cannot wait. */
  readonly live: boolean;
  /** The frames until the end, or until the signal is aborted. */
  frames(signal?: AbortSignal): AsyncIterable<SourceFrame>;
}

/** A picture of which the file's bytes are there. */
export function fileFrame(bytes: Uint8Array, timestamp: number): SourceFrame {
  const image = async () => {
    try {
      return await decodeImage(bytes);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new ClipDriftError("bad-image", message, { cause: error });
    }
  };
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  const jpeg = async () => isJpeg ? bytes : await encodeJpeg(await decodeImage(bytes));
  return { timestamp, bytes, image, jpeg };
}

/** Ends an iteration where the signal is aborted. */
async function* until<T>(items: AsyncIterable<T>, signal?: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    if (signal?.aborted) return;
    yield item;
  }
}

/** Seconds since 1970. */
const now = () => Date.now() / 1000;

/**
 * Frames with the camera's clock where the first of them tells it, else one after the other: two
 * clocks in one file would make time jump.
 */
async function* timedFrames(
  frames: AsyncIterable<MjpegFrame>,
  fps: number,
): AsyncGenerator<SourceFrame> {
  let time: number | undefined;
  let isClock = false;
  for await (const { data, timestamp } of frames) {
    isClock ||= time === undefined && timestamp !== undefined;
    const next = time === undefined ? now() : time + 1 / fps;
    time = isClock ? timestamp ?? next : next;
    yield fileFrame(data, time);
  }
}

/** Frames of a video at their times. */
async function* videoFrames(
  source: string | ReadableStream<Uint8Array>,
): AsyncGenerator<SourceFrame> {
  const { VideoReader } = await import("@vcs/media/video_reader");
  await using video = await VideoReader.open(source);
  const start = now();
  for await (const frame of video.frames()) {
    yield {
      timestamp: start + frame.pts,
      image: () => Promise.resolve(frame),
      jpeg: () => encodeJpeg({ ...frame, data: new Uint8Array(frame.data) }),
    };
  }
}

const PICTURES = new Set([".jpg", ".jpeg", ".png", ".webp"]);
const MJPEG_FILES = new Set([".mjpg", ".mjpeg", ".mjpe", ".jpg", ".jpeg"]);

/** Pictures of a folder in the order of their names, numbers in them counted as numbers. */
async function* folderFrames(path: string, fps: number): AsyncGenerator<SourceFrame> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(path)) {
    if (PICTURES.has(extname(name).toLowerCase())) names.push(name);
  }
  names.sort(new Intl.Collator("en", { numeric: true }).compare);
  if (names.length === 0) {
    throw new ClipDriftError(
      "bad-image",
      `Cannot read frames of ${path}: found no ${[...PICTURES].join(", ")} files`,
    );
  }
  const start = now();
  for (const [i, name] of names.entries()) {
    yield fileFrame(await Deno.readFile(join(path, name)), start + i / fps);
  }
}

/** Whether bytes begin like MJPEG, multipart or not. */
function beginsLikeMjpeg(bytes: Uint8Array): boolean {
  const words = new TextDecoder("latin1").decode(bytes.subarray(0, 16)).trimStart();
  return (bytes[0] === 0xff && bytes[1] === 0xd8) || /^(--\S|content-)/i.test(words);
}

/** Looks at the first bytes of standard input to tell MJPEG from a video file. */
async function* stdinFrames(fps: number): AsyncGenerator<SourceFrame> {
  const reader = Deno.stdin.readable.getReader();
  const first = await reader.read();
  reader.releaseLock();
  if (first.value === undefined) return;
  const head = first.value;
  const whole = async function* () {
    yield head;
    yield* Deno.stdin.readable;
  };
  yield* beginsLikeMjpeg(head)
    ? timedFrames(mjpegFrames(whole()), fps)
    : videoFrames(ReadableStream.from(whole()));
}

async function* pathFrames(path: string, fps: number): AsyncGenerator<SourceFrame> {
  if ((await Deno.stat(path)).isDirectory) return yield* folderFrames(path, fps);
  const extension = extname(path).toLowerCase();
  const file = await Deno.open(path);
  const head = new Uint8Array(16);
  await file.read(head);
  if (MJPEG_FILES.has(extension) || beginsLikeMjpeg(head)) {
    await file.seek(0, Deno.SeekMode.Start);
    return yield* timedFrames(mjpegFrames(file.readable), fps);
  }
  file.close();
  if (PICTURES.has(extension)) return yield fileFrame(await Deno.readFile(path), now());
  yield* videoFrames(path);
}

async function* fromCamera(
  url: string,
  options: SourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceFrame> {
  const settings: CameraOptions = { ...options, ...(signal === undefined ? {} : { signal }) };
  for await (const { data, timestamp } of cameraFrames(url, settings)) {
    yield fileFrame(data, timestamp);
  }
}

/** Keeps only the newest frame, or all of them. */
function withPolicy(
  open: (signal?: AbortSignal) => AsyncIterable<SourceFrame>,
  policy: "latest" | "all",
  onDrop: () => void,
): (signal?: AbortSignal) => AsyncIterable<SourceFrame> {
  if (policy === "all") return (signal) => until(open(signal), signal);
  return (signal) =>
    until(newest(open, { onDrop, ...(signal === undefined ? {} : { signal }) }), signal);
}

/**
 * Opens a source: `http://…` or `https://…` for a camera, `-` for standard input, or the path of a
 * folder of pictures, of an MJPEG file, or of a video.
 */
export function openSource(spec: string, options: SourceOptions = {}): Source {
  const { fps = 15, onDrop = () => {} } = options;
  const live = /^https?:\/\//i.test(spec);
  const name = live ? splitCredentials(spec).url.href : spec === "-" ? "standard input" : spec;
  const open = live
    ? (signal?: AbortSignal) => fromCamera(spec, options, signal)
    : () => spec === "-" ? stdinFrames(fps) : pathFrames(spec, fps);
  const policy = options.policy ?? (live ? "latest" : "all");
  return { name, live, frames: withPolicy(open, policy, onDrop) };
}

/** A short name of a source for a tile: its host, or its file. */
export function shortName(spec: string): string {
  return /^https?:\/\//i.test(spec) ? new URL(spec).host : basename(spec) || spec;
}
