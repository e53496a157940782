/**
 * Writes video by the installed program ffmpeg.
 *
 * @module
 */
import { MediaError } from "../errors.ts";
import { Program } from "../ffmpeg/programs.ts";
import { matroskaBlock, matroskaHead, TRACKS } from "./matroska.ts";
import { type EncodePlan, interleaved, type VideoEncoder } from "./video_encoder.ts";

function argumentsOf(plan: EncodePlan): string[] {
  const { timeBase, matrix, container, audio } = plan;
  const settings = Object.entries(plan.settings).flatMap(([name, value]) => [`-${name}`, value]);
  return [
    ...["-v", "error", "-f", "matroska", "-i", "pipe:0"],
    ...["-vf", plan.filter, "-c:v", plan.encoder],
    ...settings,
    ...["-fps_mode", "passthrough", "-enc_time_base:v", timeBase.join("/")],
    ...["-g", `${plan.keyframeInterval}`, "-colorspace", matrix, "-color_primaries", matrix],
    ...["-color_trc", matrix, "-color_range", "tv"],
    ...(audio ? ["-c:a", audio.encoder] : []),
    ...(container === "mp4" ? ["-movflags", "+faststart"] : []),
    ...["-f", container, "-y", plan.path],
  ];
}

/** Starts a writer over ffmpeg. */
export async function startFfmpegWriter(plan: EncodePlan): Promise<VideoEncoder> {
  const program = new Program("ffmpeg", argumentsOf(plan), undefined, "piped");
  const output = program.stdout.cancel();
  const writer = program.stdin.getWriter();
  let samples = 0;
  const failed = async (cause: unknown): Promise<never> => {
    await program.finish();
    throw new MediaError("encode-failed", `Cannot write ${plan.path}: ${program.complaint}`, {
      cause,
    });
  };
  const write = async (...parts: Uint8Array[]) => {
    for (const part of parts) await writer.write(part).catch(failed);
  };
  const block = (track: 1 | 2, seconds: number, bytes: Uint8Array) =>
    write(matroskaBlock(track, seconds, bytes.length), bytes);
  await write(matroskaHead(plan));
  return {
    write: (rgb, seconds) => block(TRACKS.video, seconds, rgb),
    async writeAudio(planes) {
      const seconds = samples / plan.audio!.sampleRate;
      samples += planes[0]!.length;
      await block(TRACKS.audio, seconds, new Uint8Array(interleaved(planes).buffer));
    },
    finish: async () => {
      await writer.close().catch(failed);
      await output;
      if (!await program.finish()) await failed(undefined);
    },
    abort: async () => {
      await writer.abort().catch(() => {});
      await program[Symbol.asyncDispose]();
    },
  };
}
