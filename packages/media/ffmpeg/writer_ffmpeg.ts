/**
 * Writes video by the installed program ffmpeg.
 *
 * @module
 */
import { MediaError } from "../errors.ts";
import { Program } from "./programs.ts";
import type { EncodePlan, VideoEncoder } from "./video_encoder.ts";

function argumentsOf(plan: EncodePlan): string[] {
  const { width, height, rate, matrix, container } = plan;
  const settings = Object.entries(plan.settings).flatMap(([name, value]) => [`-${name}`, value]);
  return [
    ...["-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", `${width}x${height}`],
    ...["-r", rate.join("/"), "-i", "pipe:0", "-vf", plan.filter, "-c:v", plan.encoder],
    ...settings,
    ...["-g", `${plan.keyframeInterval}`, "-colorspace", matrix, "-color_primaries", matrix],
    ...["-color_trc", matrix, "-color_range", "tv"],
    ...(container === "mp4" ? ["-movflags", "+faststart"] : []),
    ...["-f", container, "-y", plan.path],
  ];
}

/** Starts a writer over ffmpeg. */
export function startFfmpegWriter(plan: EncodePlan): Promise<VideoEncoder> {
  const program = new Program("ffmpeg", argumentsOf(plan), undefined, "piped");
  const output = program.stdout.cancel();
  const writer = program.stdin.getWriter();
  const failed = async (cause: unknown): Promise<never> => {
    await program.finish();
    throw new MediaError("encode-failed", `Cannot write ${plan.path}: ${program.complaint}`, {
      cause,
    });
  };
  return Promise.resolve({
    write: (rgb) => writer.write(rgb).catch(failed),
    finish: async () => {
      await writer.close().catch(failed);
      await output;
      if (!await program.finish()) await failed(undefined);
    },
    abort: async () => {
      await writer.abort().catch(() => {});
      await program[Symbol.asyncDispose]();
    },
  });
}
