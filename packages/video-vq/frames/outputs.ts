/**
 * Where received frames are written: a video file, or raw frames in a file or on stdout.
 *
 * @module
 */
import {
  OutputFile,
  type OutputOptions,
  refuseSameFile,
  writeWhole,
} from "@vcs/transport/internal";
import type { ReceivedFrame } from "../receive.ts";
import type { FrameRate } from "../stream/payload.ts";
import type { RgbImage } from "./frame_fitter.ts";
import type { VideoWriter } from "@vcs/media/video_writer";
import { ShapeRestorer } from "./shape_restorer.ts";

/** Takes frames in order. */
export interface FrameOutput {
  /** Writes a frame; resolves when there is room for the next. */
  write(frame: ReceivedFrame): Promise<void>;
  /** Ends the output, which completes a video file. */
  close(): Promise<void>;
  /** Gives up: a file that was there before stays. */
  abort(): Promise<void>;
}

/** Where frames come from, and where else something is written. */
export interface FrameOutputOptions {
  /**
   * A text file for the frames' times in milliseconds (timestamp format v2, which mkvmerge reads).
   * Default: none.
   */
  readonly times?: string;
  /** Whether frames of a video file follow each other at a constant rate. Default: at their times. */
  readonly constantRate?: boolean;
  /** Files that are read, and must not be written over. Default: none. */
  readonly inputs?: readonly (string | undefined)[];
  /** Whether the source is live: the file then grows as `FILE.part`. Default: false. */
  readonly live?: boolean;
  /** Whether all that a part from before holds comes again, and may be replaced. Default: false. */
  readonly comesAgain?: boolean;
}

/**
 * Opens an output; a file is created with the first frame, beside its path, and takes its place when
 * the output is closed. Video files get the shape of the source: bars are cut, and stretched frames
 * get their width to height back; raw frames are as they were coded.
 *
 * @param path `.mp4` or `.webm`, `.rgb` for raw frames in a file, or `-` for raw frames on stdout
 * @throws {UsageError} if a file to be written is one of the inputs.
 */
export async function openOutput(
  path: string,
  { times, constantRate = false, ...options }: FrameOutputOptions = {},
): Promise<FrameOutput> {
  const file = await OutputFile.open(path, options);
  const isRaw = path === "-" || path.endsWith(".rgb");
  const frames = isRaw ? rawOutput(file) : videoOutput(file, !constantRate);
  if (times === undefined) return frames;
  await refuseSameFile(times, options.inputs ?? []);
  return timedOutput(frames, times, options);
}

/** Times from the first frame on that always rise: a stream that starts anew goes on behind. */
class RisingTimes {
  #base: number | undefined;
  #latest = -Infinity;

  /** When a frame is shown in the file, in seconds. */
  next({ pts, frameRate: [numerator, denominator] }: ReceivedFrame): number {
    this.#base ??= pts;
    if (pts - this.#base <= this.#latest) {
      this.#base = pts - this.#latest - denominator / numerator;
    }
    return this.#latest = pts - this.#base;
  }
}

function videoOutput(file: OutputFile, timed: boolean): FrameOutput {
  let writer: VideoWriter | undefined;
  const times = new RisingTimes();
  const shape = new ShapeRestorer();
  return {
    async write(frame) {
      const restored = shape.restore(frame);
      writer ??= await openWriter(file, restored, frame.frameRate, timed);
      await writer.add({ data: restored.data, pts: times.next(frame) });
    },
    async close() {
      await writer?.close();
      if (writer) await file.commit();
    },
    async abort() {
      await writer?.abort();
      await file[Symbol.asyncDispose]();
    },
  };
}

async function openWriter(
  { path, part }: OutputFile,
  { width, height }: RgbImage,
  frameRate: FrameRate,
  timed: boolean,
): Promise<VideoWriter> {
  const { VideoWriter } = await import("@vcs/media/video_writer");
  const format = /\.webm$/i.test(path) ? "webm" : "mp4";
  const fps = frameRate[0] / frameRate[1];
  return await VideoWriter.open(part, { width, height, format, fps, timed });
}

function rawOutput(file: OutputFile): FrameOutput {
  let stream: WritableStreamDefaultWriter<Uint8Array> | undefined;
  const open = async () => {
    const opened = file.part === "-"
      ? Deno.stdout
      : await Deno.open(file.part, { write: true, create: true, truncate: true });
    return opened.writable.getWriter();
  };
  return {
    async write({ data }) {
      stream ??= await open();
      await stream.write(data);
    },
    async close() {
      await stream?.close();
      if (stream) await file.commit();
    },
    async abort() {
      await stream?.abort().catch(() => {});
      await file[Symbol.asyncDispose]();
    },
  };
}

function timedOutput(frames: FrameOutput, path: string, options: OutputOptions): FrameOutput {
  const lines = ["# timestamp format v2"];
  return {
    async write(frame) {
      await frames.write(frame);
      lines.push((frame.pts * 1000).toFixed(3));
    },
    async close() {
      await frames.close();
      await writeWhole(path, lines.join("\n") + "\n", { inputs: options.inputs ?? [] });
    },
    abort: () => frames.abort(),
  };
}
