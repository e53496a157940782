/**
 * The way of the data, from an open video to a session.
 *
 * @module
 */
import { tensor } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/internal";
import { distinctFrames } from "./clip_work.ts";
import type { PatchStreamConfig } from "../config.ts";
import type { Resolved } from "../config/fields.ts";
import { analysisSize } from "../energy/energy.ts";
import { extractPatches } from "../select/extract.ts";
import { type Grid, planGrid } from "../sampling/grid.ts";
import { MotionEnergy } from "../energy/motion_energy.ts";
import type { ProcessedClip, ProcessPlan } from "./process.ts";
import { openStage } from "./backend.ts";
import { reportProfile, type Stopwatch } from "./profile.ts";
import { describeSamples, type SampledVideo } from "../sampling/sampled_video.ts";
import { selectPatches } from "../select/select.ts";
import { PatchStreamSession } from "../session.ts";

/** The way of the data: sampled frames → process stage → selection → patches. */
export async function streamVideo(
  video: SampledVideo,
  config: Resolved<PatchStreamConfig>,
  watch: Stopwatch,
): Promise<PatchStreamSession> {
  watch.lap("open");
  const { width, height, backend } = video.info;
  const grid = planGrid(width, height, gridOptions(config));
  const source = await sampledFrames(video, config);
  const plan = planProcess(video, source.ids, grid, config);
  const clip = await processFrames(source, plan, config, watch);
  const isKey = video.keyFlags(source.ids);
  const indices = selectPatches(
    { scores: clip.scores, gridW: grid.gridW, gridH: grid.gridH, isKey },
    selectionOptions(clip, config),
  );
  watch.lap("select");
  const pixels = plan.samples.map((number) => clip.pixels[number]!);
  const patches = extractPatches(pixels, grid, indices, config);
  watch.lap("extract");
  const timings = watch.stop();
  const counts = { samples: source.ids.length, delivered: clip.pixels.length };
  reportProfile({ call: "patch_stream", backend, ...counts, width, height }, timings);
  return new PatchStreamSession({
    ...describeSamples(video, source.ids),
    ...(config.profile && { timings }),
    ...describePatches(indices, clip.scores, grid, source.ids, isKey),
    patches,
    pixels,
    grid,
    isKey,
    scoreMap: tensor("F32", [source.ids.length, grid.gridH, grid.gridW], clip.scores),
  });
}

function gridOptions({ patchSize, inputSize, minPixels, maxPixels }: Resolved<PatchStreamConfig>) {
  return {
    patchSize,
    inputSize,
    ...defined({ minPixels, maxPixels }),
  };
}

/** A distinct frame on its way, with the energy since the one before in `codec` mode. */
interface DecodedFrame {
  readonly index: number;
  readonly data: Uint8Array;
  readonly energy?: Float32Array;
}

/** Distinct frames on their way, and the frame number at each position of the sequence. */
interface FrameSource {
  readonly ids: readonly number[];
  readonly frames: AsyncIterable<DecodedFrame> | Iterable<DecodedFrame>;
}

/** Where frames may be skipped, they are all read first: only then is it known which are there. */
async function sampledFrames(
  video: SampledVideo,
  config: Resolved<PatchStreamConfig>,
): Promise<FrameSource> {
  const frames: AsyncIterable<DecodedFrame> = config.energy === "codec"
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
): AsyncIterable<DecodedFrame> {
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

function planProcess(
  video: SampledVideo,
  ids: readonly number[],
  grid: Grid,
  config: Resolved<PatchStreamConfig>,
): ProcessPlan {
  const { width, height } = video.info;
  const distinct = [...new Set(ids)];
  const numbers = new Map(distinct.map((id, number) => [id, number]));
  return {
    width,
    height,
    samples: ids.map((id) => numbers.get(id)!),
    grid,
    energy: config.energy,
    energyPct: Math.min(Math.max(config.energyPct, 1), 100),
    antialias: config.antialias,
    change: config.staticFallback,
  };
}

/** Sends every distinct frame through the process stage. */
async function processFrames(
  { frames }: FrameSource,
  plan: ProcessPlan,
  config: Resolved<PatchStreamConfig>,
  watch: Stopwatch,
): Promise<ProcessedClip> {
  await using stage = await openStage(plan, config);
  let number = 0;
  for await (const { data, energy } of frames) {
    if (number === 0) watch.timings.firstFrame = watch.sinceLap;
    watch.lap("decode");
    await stage.add({ number: number++, data, ...defined({ energy }) });
    watch.lap("wait");
    config.onProgress?.(number, distinctFrames(plan));
  }
  watch.lap("decode");
  const clip = await stage.finish();
  watch.lap("wait");
  Object.assign(watch.timings, clip.timings);
  return clip;
}

function selectionOptions({ change }: ProcessedClip, config: Resolved<PatchStreamConfig>) {
  const rule = {
    absolute: config.staticAbsThresh,
    relative: config.staticRelThresh,
    frames: config.staticUniformFrames,
  };
  return {
    kKeep: config.kKeep,
    unit: config.selectionUnit,
    keyFrames: config.keyFrames,
    ties: config.energy === "reference" ? "reference" : "lowest",
    ...defined({ still: change && { rule, change } }),
  } as const;
}

/** Fields and scores of the kept patches. */
function describePatches(
  indices: Int32Array,
  scores: Float32Array,
  { gridW, gridH }: Grid,
  ids: readonly number[],
  isKey: readonly boolean[],
) {
  const fields = tensor("I64", [indices.length, 6]);
  indices.forEach((index, n) => {
    const t = Math.floor(index / (gridW * gridH));
    const cell = index % (gridW * gridH);
    const row = [t, ids[t]!, Number(isKey[t]), index, Math.floor(cell / gridW), cell % gridW];
    fields.data.set(row.map(BigInt), 6 * n);
  });
  const kept = Float32Array.from(indices, (index) => scores[index]!);
  return { fields, scores: tensor("F32", [indices.length], kept) };
}
