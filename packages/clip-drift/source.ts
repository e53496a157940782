/**
 * Where frames come from: a camera, a file of MJPEG, a folder of images, any video, or standard
 * input.
 *
 * @module
 */
import { extname, join } from "node:path";
import type { LiveEvent } from "@vcs/media";
import { MediaError } from "@vcs/media/errors";
import { decodeImage, encodeJpeg } from "@vcs/media/image";
import { latest, pathOf } from "@vcs/media";
import { shownSource, sourceKind } from "@vcs/media/internal";
import { type MjpegFrame, MjpegReader } from "@vcs/media/mjpeg";
import { defined, onAbort, untilAborted } from "@vcs/transport/internal";
import { byNumber } from "./runs/numeric_order.ts";
import { type CameraEvent, cameraFrames, type CameraOptions } from "./camera/camera.ts";
import { connectError } from "./camera/error_hints.ts";
import { ClipDriftError } from "./errors.ts";
import type { RgbImage } from "./clip/preprocess.ts";
import { completeFrames } from "./camera/complete_frames.ts";
import { after, looksLikeMjpeg, PROBE, probe } from "./camera/judge.ts";

/** One frame of a source. */
export interface SourceFrame {
  /** When it arrived, or when it is shown, in seconds since 1970. */
  readonly timestamp: number;
  /** The file as it came; undefined for frames of a video. */
  readonly bytes?: Uint8Array;
  /**
   * The decoded image.
   *
   * @throws {ClipDriftError} `bad-image`
   */
  image(): Promise<RgbImage>;
  /** The frame as a JPEG: the camera's own bytes if it sent one. */
  jpeg(): Promise<Uint8Array>;
}

/** How to read a source. */
export interface SourceOptions extends Omit<CameraOptions, "signal" | "onEvent"> {
  /**
   * `latest` yields only the latest frame, `all` every one. Default: `latest` for cameras, `all` for
   * files.
   */
  readonly policy?: "latest" | "all";
  /** Frames per second of files without timestamps; a pipe's are those of their arrival. Default: 15. */
  readonly fps?: number;
  /** Called with each change of the connection to a camera. */
  readonly onEvent?: (event: CameraEvent) => void;
  /** Called with each frame that was replaced before it was taken. */
  readonly onDrop?: () => void;
}

/** A source, ready to be read. */
export interface Source {
  /** Its URL or path for people, without credentials. */
  readonly name: string;
  /** Whether frames arrive by themselves and cannot wait. */
  readonly live: boolean;
  /** The frames until the end, or until the signal is aborted. */
  frames(signal?: AbortSignal): AsyncIterable<SourceFrame>;
}

/** A frame of a file's bytes. */
export function fileFrame(bytes: Uint8Array, timestamp: number): SourceFrame {
  const image = async () => {
    try {
      return await decodeImage(bytes);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      throw new ClipDriftError("bad-image", error.message, { cause: error });
    }
  };
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  const jpeg = async () => isJpeg ? bytes : await encodeJpeg(await decodeImage(bytes));
  return { timestamp, bytes, image, jpeg };
}

/** A frame that came decoded. */
function decodedFrame(frame: RgbImage, timestamp: number): SourceFrame {
  const jpeg = () => encodeJpeg({ ...frame, data: new Uint8Array(frame.data) });
  return { timestamp, image: () => Promise.resolve(frame), jpeg };
}

/** The chunks of a stream until the signal is aborted, even while no chunk comes. */
async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  using _ = onAbort(signal, () => void reader.cancel().catch(() => {}));
  try {
    for (let r = await reader.read(); !r.done; r = await reader.read()) yield r.value;
  } finally {
    await reader.cancel();
  }
}

/** Seconds since 1970. */
const now = () => Date.now() / 1000;

/**
 * Frames with the camera's timestamps if the first has one, else evenly spaced, or at the time of
 * their arrival if `fps` is undefined: two clocks in one file would make time jump.
 */
async function* timedFrames(
  frames: AsyncIterable<MjpegFrame>,
  fps: number | undefined,
): AsyncGenerator<SourceFrame> {
  let time: number | undefined;
  let isClock = false;
  for await (const { data, timestamp } of frames) {
    isClock ||= time === undefined && timestamp !== undefined;
    const next = time === undefined || fps === undefined ? now() : time + 1 / fps;
    time = isClock ? timestamp ?? next : next;
    yield fileFrame(data, time);
  }
}

/** Frames of a video at their times. */
async function* videoFrames(
  source: string | ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceFrame> {
  const { VideoReader } = await import("@vcs/media/video_reader");
  await using video = await VideoReader.open(source, { hdr: "sdr", ...defined({ signal }) });
  const start = now();
  for await (const frame of video.frames()) {
    yield decodedFrame(frame, start + frame.pts);
  }
}

const IMAGES = new Set([".jpg", ".jpeg", ".png", ".webp"]);
const MJPEG_FILES = new Set([".mjpg", ".mjpeg", ".mjpe"]);

/** Images of a folder in the order of their names, numbers in them counted as numbers. */
async function* folderFrames(path: string, fps: number): AsyncGenerator<SourceFrame> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(path)) {
    if (IMAGES.has(extname(name).toLowerCase())) names.push(name);
  }
  names.sort(byNumber);
  if (names.length === 0) {
    throw new ClipDriftError(
      "bad-image",
      `Cannot read ${path}: found no ${[...IMAGES].join(", ")} files`,
    );
  }
  const start = now();
  for (const [i, name] of names.entries()) {
    yield fileFrame(await Deno.readFile(join(path, name)), start + i / fps);
  }
}

/** Frames of MJPEG, of which there must be at least one. */
async function* mjpegSource(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  { fps, onTruncated, acceptUnended = false }: SourceOptions,
): AsyncGenerator<SourceFrame> {
  const reader = new MjpegReader({ acceptUnended });
  yield* timedFrames(completeFrames(bytes, reader, onTruncated), fps);
  const { frames, truncated } = reader.stats;
  if (frames > 0) return;
  const found = truncated > 0 ? `${truncated} truncated frames` : "no frame";
  throw new ClipDriftError("not-mjpeg", `Cannot read ${name} as MJPEG: found ${found}`);
}

/** Frames of a pipe: its first bytes distinguish MJPEG from a video. */
async function* pipeFrames(
  stream: ReadableStream<Uint8Array>,
  name: string,
  options: SourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceFrame> {
  const bytes = chunksOf(stream, signal);
  const { head, isMjpeg } = await probe(bytes);
  if (head.length === 0) {
    throw new ClipDriftError("not-mjpeg", `Cannot read ${name}: found no bytes`);
  }
  const all = after(head, bytes);
  yield* isMjpeg ? mjpegSource(all, name, options) : videoFrames(ReadableStream.from(all), signal);
}

/** Whether a file's first bytes look like MJPEG; leaves the file at its beginning. */
async function isMjpegFile(file: Deno.FsFile): Promise<boolean> {
  const head = new Uint8Array(PROBE);
  const size = await file.read(head) ?? 0;
  await file.seek(0, Deno.SeekMode.Start);
  return looksLikeMjpeg(head.subarray(0, size));
}

async function* pathFrames(
  path: string,
  options: SourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceFrame> {
  const { isDirectory, isFile } = await Deno.stat(path);
  if (isDirectory) return yield* folderFrames(path, options.fps ?? 15);
  const extension = extname(path).toLowerCase();
  const file = await Deno.open(path);
  if (!isFile) return yield* pipeFrames(file.readable, path, options, signal);
  if (await isMjpegFile(file) || MJPEG_FILES.has(extension)) {
    return yield* mjpegSource(chunksOf(file.readable, signal), path, { fps: 15, ...options });
  }
  file.close();
  if (IMAGES.has(extension)) return yield fileFrame(await Deno.readFile(path), now());
  yield* videoFrames(path, signal);
}

async function* fromCamera(
  url: string,
  options: SourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceFrame> {
  const settings: CameraOptions = { ...options, ...defined({ signal }) };
  for await (const { data, timestamp } of cameraFrames(url, settings)) {
    yield fileFrame(data, timestamp);
  }
}

/** Failures of a source that FFmpeg reads as those of any camera. */
function cameraEvent(event: LiveEvent): CameraEvent {
  if (event.type === "lost") return { ...event, error: connectError(event.url, event.error) };
  return { type: "connected", url: event.url, contentType: `video/${event.info.codec}` };
}

/** Most decoded frames that wait with the policy `all`: a second at the usual rate. */
const WAITING_FRAMES = 15;

/** Frames of a source that FFmpeg reads, at the time of their arrival. */
async function* fromLive(
  url: string,
  { onEvent, onDrop, ...options }: SourceOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceFrame> {
  const { liveFrames } = await import("@vcs/media");
  const frames = liveFrames(url, {
    ...options,
    ...defined({ signal, onDrop }),
    hdr: "sdr",
    capacity: options.policy === "all" ? WAITING_FRAMES : 1,
    onEvent: (event) => onEvent?.(cameraEvent(event)),
  });
  try {
    for await (const frame of frames) yield decodedFrame(frame, frame.timestamp);
  } catch (error) {
    const isLost = error instanceof MediaError && error.code === "connection-lost";
    throw isLost ? connectError(shownSource(url), error) : error;
  }
}

/** Yields only the latest frame, or all of them. */
function withPolicy(
  open: (signal?: AbortSignal) => AsyncIterable<SourceFrame>,
  policy: "latest" | "all",
  onDrop: () => void,
): (signal?: AbortSignal) => AsyncIterable<SourceFrame> {
  if (policy === "all") return (signal) => untilAborted(open(signal), signal);
  return (signal) => untilAborted(latest(open, { onDrop, ...defined({ signal }) }), signal);
}

/**
 * Opens a source: `http://…` or `https://…` for a camera that sends MJPEG; `rtsp:`, `rtmp:`, `srt:`,
 * `udp:`, `rtp:`, HLS behind HTTP or `/dev/video0` for one that FFmpeg reads; `-` for standard
 * input; or the path of a folder of images, of an MJPEG file, or of a video.
 *
 * @throws {TypeError} if a URL is not valid, or has another scheme; the message holds no password
 */
export function openSource(spec: string, options: SourceOptions = {}): Source {
  const { onDrop = () => {} } = options;
  const kind = sourceKind(spec);
  const name = spec === "-" ? "standard input" : shownSource(spec);
  const open = (signal?: AbortSignal) =>
    kind === "http"
      ? fromCamera(spec, options, signal)
      : kind === "live"
      ? fromLive(spec, options, signal)
      : spec === "-"
      ? pipeFrames(Deno.stdin.readable, name, options, signal)
      : pathFrames(pathOf(spec), options, signal);
  const live = kind !== "path";
  const policy = options.policy ?? (live ? "latest" : "all");
  return { name, live, frames: withPolicy(open, policy, onDrop) };
}
