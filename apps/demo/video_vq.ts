/**
 * The demo's step for `@vcs/video-vq`: the film is sent live, as tokens over TCP, by one process
 * and rebuilt by another.
 *
 * @module
 */
import { VideoReader } from "@vcs/media/video_reader";
import { VideoWriter } from "@vcs/media/video_writer";
import { FrameFitter } from "@vcs/video-vq/internal";
import { Quality } from "@vcs/video-vq";
import { WINDOW_FRAMES } from "@vcs/video-vq";
import { join } from "node:path";
import { freePort, say } from "@vcs/transport/internal";
import { interrupt, outputOf, startCommand } from "./commands.ts";
import { atMostBytes, X264 } from "./equal_bytes.ts";
import { clipPath } from "./media.ts";

/** Seconds of each part of the way from a window's first frame to its reconstruction. */
export interface Delay {
  /** Until the window is full. */
  readonly fill: number;
  /** To encode it. */
  readonly encode: number;
  /** From one process to the other. */
  readonly transfer: number;
  /** To decode it. */
  readonly decode: number;
  /** From the first frame coming in to the window going out, as measured from end to end. */
  readonly measured: number;
}

/** What the step measured. */
export interface VideoVqRun {
  /** The model. */
  readonly model: string;
  /** What was sent, as the model sees it, relative to the demo's folder. */
  readonly source: string;
  /** What was rebuilt. */
  readonly rebuilt: string;
  /** Width and height of both. */
  readonly size: number;
  /** Frames sent. */
  readonly frames: number;
  /** Frames in a second. */
  readonly fps: number;
  /** Windows of tokens. */
  readonly windows: number;
  /** Frames in a window. */
  readonly windowFrames: number;
  /** Bytes of all tokens. */
  readonly bytes: number;
  /** Bytes of the pixels that they stand for. */
  readonly pixelBytes: number;
  /** The same pixels as H.264 without delay in no more bytes; undefined where it takes more. */
  readonly h264: { readonly bytes: number; readonly psnr: number } | undefined;
  /** Bits a second of the tokens. */
  readonly bitrate: number;
  /** Nearness of all frames to their source, in dB. */
  readonly psnr: number;
  /** Structural similarity, at most 1. */
  readonly ssim: number;
  /** PSNR of every frame. */
  readonly framePsnr: readonly number[];
  /** Where the time went, at the median. */
  readonly delay: Delay;
}

/** What the sending command reports, as far as the page needs it. */
interface Sent {
  readonly framesIn: number;
  readonly sent: number;
  readonly bytes: number;
}

/** What the receiving command reports, as far as the page needs it. */
interface Received {
  readonly framesOut: number;
  readonly latency: Delay;
}

/** A film as the model sees it, and at full size. */
interface Film {
  readonly fps: number;
  readonly width: number;
  readonly height: number;
  readonly full: readonly Uint8Array[];
  readonly small: readonly Uint8Array[];
}

const SIZE = 128;
const MODEL = "vq-tiny";

async function readFilm(): Promise<Film> {
  await using video = await VideoReader.open(await clipPath());
  const { width, height, fps } = video.info;
  const frames = await Array.fromAsync(video.frames());
  const fitter = new FrameFitter({ width: SIZE, height: SIZE, resize: "area" });
  const small = frames.map((frame) => fitter.fit(frame));
  return { fps, width, height, full: frames.map(({ data }) => data), small };
}

/** Writes frames at their times, as a camera does; the time starts when the first one is taken. */
async function playInto(stream: WritableStream<Uint8Array>, { full, fps }: Film): Promise<void> {
  const writer = stream.getWriter();
  let start = 0;
  for (const [n, frame] of full.entries()) {
    const wait = start + 1000 * n / fps - performance.now();
    if (n > 0 && wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    await writer.write(frame);
    if (n === 0) start = performance.now();
  }
  await writer.close();
}

function startSender({ width, height, fps }: Film, url: string): Deno.ChildProcess {
  const raw = ["--raw-size", `${width}x${height}`, "--fps", `${fps}`];
  const args = ["encode", "--model", MODEL, "--payload", "range", "--json", ...raw, "-", url];
  return startCommand("video-vq", args, { stdin: "piped" });
}

/** Sends the film live from one process to another, which leaves raw frames in a file. */
async function transmit(film: Film, path: string): Promise<[sent: Sent, received: Received]> {
  const url = `tcp://127.0.0.1:${freePort()}`;
  const receiver = startCommand("video-vq", ["decode", "--model", MODEL, "--json", url, path]);
  const sender = startSender(film, url);
  // Where the command ends before the film does, its exit code says why.
  playInto(sender.stdin, film).catch(() => {});
  try {
    const reports = await Promise.all([
      outputOf("video-vq encode", sender),
      outputOf("video-vq decode", receiver),
    ]);
    return reports.map((json) => JSON.parse(json)) as [Sent, Received];
  } finally {
    interrupt(sender);
    interrupt(receiver);
  }
}

/** Cuts a file of raw frames. */
async function readRaw(path: string): Promise<Uint8Array[]> {
  const bytes = await Deno.readFile(path);
  const size = SIZE * SIZE * 3;
  return Array.from(
    { length: bytes.length / size },
    (_, n) => bytes.subarray(n * size, (n + 1) * size),
  );
}

async function writeVideo(path: string, frames: readonly Uint8Array[], fps: number) {
  await using writer = await VideoWriter.open(path, { width: SIZE, height: SIZE, fps, crf: 12 });
  for (const data of frames) await writer.add({ data });
}

function compare(source: readonly Uint8Array[], rebuilt: readonly Uint8Array[]) {
  const all = new Quality();
  const framePsnr = rebuilt.map((frame, n) => {
    const one = new Quality();
    for (const quality of [all, one]) quality.add(source[n]!, frame, SIZE, SIZE);
    return one.psnr;
  });
  return { psnr: all.psnr, ssim: all.ssim, framePsnr };
}

/**
 * The frames that the model saw, by x264 in at most so many bytes, with one key frame. It takes the
 * program ffmpeg; without it the page goes without.
 */
async function asH264({ small, fps }: Film, bytes: number) {
  const frames = { frames: small, width: SIZE, height: SIZE, rate: `${fps}` };
  return await atMostBytes(frames, X264, bytes, small.length).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    say("  H.264 stands beside the tokens where the program ffmpeg is installed");
    return undefined;
  });
}

/** Sends the film to another process and lets it rebuild the frames. */
export async function runVideoVq(folder: string): Promise<VideoVqRun> {
  const own = join(folder, "video-vq");
  await Deno.mkdir(own, { recursive: true });
  const film = await readFilm();
  const raw = join(own, "rebuilt.rgb");
  const [sent, received] = await transmit(film, raw);
  const rebuilt = await readRaw(raw);
  if (rebuilt.length !== film.small.length || received.framesOut !== sent.framesIn) {
    throw new Error(`${rebuilt.length} frames came back, sent were ${film.small.length}`);
  }
  await Deno.remove(raw);
  await writeVideo(join(own, "source.mp4"), film.small, film.fps);
  await writeVideo(join(own, "rebuilt.mp4"), rebuilt, film.fps);
  return {
    model: MODEL,
    source: "video-vq/source.mp4",
    rebuilt: "video-vq/rebuilt.mp4",
    size: SIZE,
    frames: sent.framesIn,
    fps: film.fps,
    windows: sent.sent,
    windowFrames: WINDOW_FRAMES,
    bytes: sent.bytes,
    pixelBytes: sent.framesIn * SIZE * SIZE * 3,
    h264: await asH264(film, sent.bytes),
    bitrate: sent.bytes * 8 * film.fps / sent.framesIn,
    ...compare(film.small, rebuilt),
    delay: received.latency,
  };
}
