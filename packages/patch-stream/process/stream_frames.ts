/**
 * The way of the data from frames, whatever decoded them, to the patches that are kept.
 *
 * @module
 */
import { tensor } from "@vcs/transport/tensor";
import { defined } from "@vcs/transport/portable";
import { distinctFrames } from "./clip_work.ts";
import type { ProcessSettings } from "../config/fields.ts";
import { extractPatches } from "../select/extract.ts";
import { type Grid, planGrid } from "../sampling/grid.ts";
import type { ProcessedClip, ProcessPlan, ProcessStage } from "./process.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { selectPatches } from "../select/select.ts";
import type { SessionParts } from "../session.ts";

/** A distinct frame on its way, with the energy since the one before in `codec` mode. */
export interface DistinctFrame {
  /** Pixels, RGB of 8 bits, [height, width, 3]. The process stage takes the buffer over. */
  readonly data: Uint8Array;
  /** Energy of each analysis pixel, 0 to 1. */
  readonly energy?: Float32Array;
}

/** Distinct frames on their way, and what is known of the sequence. */
export interface FrameSource<F extends DistinctFrame = DistinctFrame> {
  /** Width of every frame in pixels. */
  readonly width: number;
  /** Height of every frame in pixels. */
  readonly height: number;
  /** Number of the frame at each position of the sequence, ascending. */
  readonly ids: readonly number[];
  /** Whether each position counts as a key frame. */
  readonly isKey: readonly boolean[];
  /** Each frame once, in order. */
  readonly frames: AsyncIterable<F> | Iterable<F>;
}

/** The part of a session that frames decide. */
export interface StreamedFrames extends
  Pick<
    SessionParts,
    "patches" | "fields" | "scores" | "pixels" | "grid" | "scoreMap" | "processedOn"
  > {
  /** Distinct frames that came. */
  readonly delivered: number;
}

/** The way of the data: frames → process stage → selection → patches. */
export async function streamFrames(
  source: FrameSource,
  config: ProcessSettings,
  open: (plan: ProcessPlan) => ProcessStage | Promise<ProcessStage>,
  watch: Stopwatch,
): Promise<StreamedFrames> {
  const { width, height, ids, isKey } = source;
  const grid = planGrid(width, height, gridOptions(config));
  const plan = planProcess(source, grid, config);
  const stage = await open(plan);
  const clip = await processFrames(source, plan, stage, config, watch);
  const { gridW, gridH } = grid;
  const options = selectionOptions(clip, config);
  const indices = selectPatches({ scores: clip.scores, gridW, gridH, isKey }, options);
  watch.lap("select");
  const pixels = plan.samples.map((number) => clip.pixels[number]!);
  const patches = extractPatches(pixels, grid, indices, config);
  watch.lap("extract");
  return {
    ...describePatches(indices, clip.scores, grid, ids, isKey),
    patches,
    pixels,
    grid,
    scoreMap: tensor("F32", [ids.length, gridH, gridW], clip.scores),
    processedOn: stage.device,
    delivered: clip.pixels.length,
  };
}

function gridOptions({ patchSize, inputSize, minPixels, maxPixels }: ProcessSettings) {
  return {
    patchSize,
    inputSize,
    ...defined({ minPixels, maxPixels }),
  };
}

function planProcess(
  { width, height, ids }: FrameSource,
  grid: Grid,
  config: ProcessSettings,
): ProcessPlan {
  const distinct = [...new Set(ids)];
  const numbers = new Map(distinct.map((id, number) => [id, number]));
  return {
    width,
    height,
    samples: ids.map((id) => numbers.get(id)!),
    grid,
    energy: config.energy,
    compensate: config.compensate,
    energyPct: Math.min(Math.max(config.energyPct, 1), 100),
    antialias: config.antialias,
    change: config.staticFallback,
  };
}

/** Sends every distinct frame through the process stage, and closes it. */
async function processFrames(
  { frames }: FrameSource,
  plan: ProcessPlan,
  stage: ProcessStage,
  config: ProcessSettings,
  watch: Stopwatch,
): Promise<ProcessedClip> {
  try {
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
  } finally {
    await stage[Symbol.asyncDispose]();
  }
}

function selectionOptions({ change }: ProcessedClip, config: ProcessSettings) {
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
    ...defined({ limits: limitsOf(config) }),
    ...defined({ still: change && { rule, change } }),
  } as const;
}

/** Limits beside the number to keep, if there are any. */
function limitsOf({ minScore, minPerFrame, maxPerFrame, keepEnergy }: ProcessSettings) {
  if (!minScore && !minPerFrame && maxPerFrame === undefined && keepEnergy === undefined) return;
  return {
    minScore,
    leastPerFrame: minPerFrame,
    mostPerFrame: maxPerFrame ?? Infinity,
    energy: keepEnergy ?? Infinity,
  };
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
