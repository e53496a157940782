/**
 * The way of the data from an open video to a session; from its frames on it is in
 * `stream_frames.ts`.
 *
 * @module
 */
import type { PatchStreamConfig } from "../config.ts";
import type { Resolved } from "../config/fields.ts";
import { analysisSize } from "../energy/energy.ts";
import { MotionEnergy } from "../energy/motion_energy.ts";
import type { ProcessPlan } from "./process.ts";
import { openStage } from "./backend.ts";
import { reportProfile } from "./profile.ts";
import { describeSamples, type SampledVideo } from "../sampling/sampled_video.ts";
import { PatchStreamSession } from "../session.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { type DistinctFrame, type FrameSource, streamFrames } from "./stream_frames.ts";

/** The way of the data: sampled frames → process stage → selection → patches. */
export async function streamVideo(
  video: SampledVideo,
  config: Resolved<PatchStreamConfig>,
  watch: Stopwatch,
): Promise<PatchStreamSession> {
  watch.lap("open");
  const { width, height, backend } = video.info;
  const source = await sampledFrames(video, config);
  const isKey = video.keyFlags(source.ids);
  const open = (plan: ProcessPlan) => openStage(plan, config);
  const { delivered, ...selected } = await streamFrames(
    { ...source, width, height, isKey },
    config,
    open,
    watch,
  );
  const timings = watch.stop();
  const counts = { samples: source.ids.length, delivered };
  reportProfile({ call: "patch_stream", backend, ...counts, width, height }, timings);
  return new PatchStreamSession({
    ...describeSamples(video, source.ids),
    ...(config.profile && { timings }),
    ...selected,
    isKey,
  });
}

/** A distinct frame of a video. */
interface NumberedFrame extends DistinctFrame {
  /** Its number in the video. */
  readonly index: number;
}

/** Where frames may be skipped, they are all read first: only then is it known which are there. */
async function sampledFrames(
  video: SampledVideo,
  config: Resolved<PatchStreamConfig>,
): Promise<Pick<FrameSource, "ids" | "frames">> {
  const frames: AsyncIterable<NumberedFrame> = config.energy === "codec"
    ? framesWithMotion(video, config)
    : video.frames();
  if (config.onError !== "skip") return { ids: video.ids, frames };
  const read = await Array.fromAsync(frames);
  const there = new Set(read.map((frame) => frame.index));
  return { ids: video.ids.filter((id) => there.has(id)), frames: read };
}

/** Motion is added up up to each frame that comes, so that it has to be taken as it comes. */
async function* framesWithMotion(
  video: SampledVideo,
  config: Resolved<PatchStreamConfig>,
): AsyncIterable<NumberedFrame> {
  const motion = motionOf(video, config.rotate);
  for await (const { index, data } of video.frames({ motion: (frame) => motion.add(frame) })) {
    yield { index, data, energy: motion.take() };
  }
}

function motionOf({ info, index }: SampledVideo, rotate: boolean): MotionEnergy {
  const { width, height, codedWidth, codedHeight, rotation, mirrored } = info;
  const size = analysisSize(width, height, "codec");
  const lying = rotate ? { turn: rotation, mirrored } : { turn: 0, mirrored: false };
  return new MotionEnergy(size, { width: codedWidth, height: codedHeight, ...lying }, index);
}
