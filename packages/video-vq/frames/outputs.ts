/**
 * Where received frames are written: a video file, or raw frames in a file or on stdout.
 *
 * @module
 */
import type { ReceivedFrame } from "../receive.ts";
import type { FrameRate } from "../stream/payload.ts";
import type { RgbImage } from "./frame_fitter.ts";
import { ShapeRestorer } from "./shape_restorer.ts";

/** Takes frames in order. */
export interface FrameOutput {
  /** Writes a frame; resolves when there is room for the next. */
  write(frame: ReceivedFrame): Promise<void>;
  /** Ends the output, which completes a video file. */
  close(): Promise<void>;
}

/**
 * Opens an output; a file is created with the first frame. Video files get the shape of the source:
 * bars are cut, and stretched frames get their width to height back; raw frames are as they were
 * coded.
 *
 * @param path `.mp4` or `.webm`, `.rgb` for raw frames in a file, or `-` for raw frames on stdout
 * @param timesPath a text file for the frames' times in milliseconds (timestamp format v2, which
 * mkvmerge reads), as the video file has a constant rate. Default: none.
 */
export function openOutput(path: string, timesPath?: string): FrameOutput {
  const frames = path === "-" || path.endsWith(".rgb") ? rawOutput(path) : videoOutput(path);
  return timesPath === undefined ? frames : timedOutput(frames, timesPath);
}

function videoOutput(path: string): FrameOutput {
  let writer: { add(frame: RgbImage): Promise<void>; close(): Promise<void> } | undefined;
  const shape = new ShapeRestorer();
  return {
    async write(frame) {
      const restored = shape.restore(frame);
      writer ??= await openWriter(path, restored, frame.frameRate);
      await writer.add(restored);
    },
    close: async () => await writer?.close(),
  };
}

async function openWriter(path: string, { width, height }: RgbImage, frameRate: FrameRate) {
  const { VideoWriter } = await import("@vcs/media/video_writer");
  return await VideoWriter.open(path, { width, height, fps: frameRate[0] / frameRate[1] });
}

function rawOutput(path: string): FrameOutput {
  let stream: WritableStreamDefaultWriter<Uint8Array> | undefined;
  const open = async () => {
    const file = path === "-"
      ? Deno.stdout
      : await Deno.open(path, { write: true, create: true, truncate: true });
    return file.writable.getWriter();
  };
  return {
    async write({ data }) {
      stream ??= await open();
      await stream.write(data);
    },
    close: async () => await stream?.close(),
  };
}

function timedOutput(frames: FrameOutput, path: string): FrameOutput {
  const lines = ["# timestamp format v2"];
  return {
    async write(frame) {
      await frames.write(frame);
      lines.push((frame.pts * 1000).toFixed(3));
    },
    async close() {
      await frames.close();
      await Deno.writeTextFile(path, lines.join("\n") + "\n");
    },
  };
}
