/**
 * Measures of change over a stream of embeddings, one row for each frame: against the frame
 * before, a reference, and the recent past, and three charts that watch these numbers over time.
 *
 * @example A cut between two scenes
 * ```ts
 * import { DriftTracker } from "@vcs/clip-drift/drift";
 * import assert from "node:assert/strict";
 *
 * const tracker = new DriftTracker();
 * const [a, b] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
 * tracker.push(a, 0);
 * assert.equal(tracker.push(a, 0.1).drift, 0);
 * assert.equal(tracker.push(b, 0.2).drift, 1);
 * ```
 *
 * @module
 */
import { ControlCharts } from "./measures/charts.ts";
import { WindowedMmd } from "./measures/mmd.ts";
import { PICTURE_METRICS, type PictureRow } from "./measures/picture.ts";
import {
  type SimilarityStats,
  similarityStats,
  SimilaritySums,
} from "./measures/similarity_stats.ts";

export type { PictureRow } from "./measures/picture.ts";
export type { SimilarityStats } from "./measures/similarity_stats.ts";

/** One frame's measures; undefined if there is too little data to say. */
export interface DriftRow {
  /** Cosine with the frame before; 1 for the first frame. */
  readonly similarity: number;
  /** 1 - similarity. */
  readonly drift: number;
  /**
   * Least distance of the last frames from those before them: a cut, a few frames after it; a flash
   * that is over by then is none.
   */
  readonly cut: number | undefined;
  /** 1 - cosine with the reference. */
  readonly reference: number | undefined;
  /** 1 - cosine with the running mean of the frames before. */
  readonly rolling: number | undefined;
  /** EWMA of the drift, in deviations from its mean over the first frames. */
  readonly ewma: number | undefined;
  /** CUSUM of the drift, in deviations. */
  readonly cusum: number | undefined;
  /** MMD² between the last two windows of embeddings. */
  readonly mmd: number | undefined;
}

/** What is measured of a frame: its embedding's drift, and its picture. */
export interface FrameRow extends DriftRow, PictureRow {
  /** Seconds for which the bytes have been the same again and again. */
  readonly frozen: number;
}

/** Names of the measures, in the order of the files' columns. */
export const METRICS = [
  "drift",
  "cut",
  "reference",
  "rolling",
  "ewma",
  "cusum",
  "mmd",
  ...PICTURE_METRICS,
  "frozen",
] as const;

/** Name of a measure. */
export type Metric = typeof METRICS[number];

/** Settings of the measures. */
export interface DriftOptions {
  /** Similarities that the statistics look back on. Default: 300. */
  readonly window?: number;
  /** An embedding to compare with. Default: the mean of the first frames. */
  readonly reference?: Float32Array;
  /** Frames whose mean becomes the reference. Default: 10. */
  readonly referenceFrames?: number;
  /** Number of the frame with which these begin. Default: 0, the first,. */
  readonly referenceFrom?: number;
  /** Seconds after which a frame counts half in the running mean. Default: 10. */
  readonly halfLife?: number;
  /** Frames from which the charts learn the usual drift. Default: 30. */
  readonly baseline?: number;
  /** Frames after which a cut must still be different from what was before it. Default: 3. */
  readonly confirmFrames?: number;
  /** Frames in each of the two windows of the MMD. Default: 32. */
  readonly mmdWindow?: number;
}

/** The measures of a frame without content. */
const NO_CONTENT: DriftRow = {
  ...{ similarity: 1, drift: 0, cut: undefined, reference: undefined, rolling: undefined },
  ...{ ewma: undefined, cusum: undefined, mmd: undefined },
};

/** Cosine of the angle between two vectors; 0 if one of them is all zeros. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** What is known of a frame beside its embedding. */
export interface FrameLook {
  /** Whether there is anything in it; an image of one colour has no content. Default: true. */
  readonly hasContent?: boolean;
  /** Whether its bytes are those of the frame before. Default: false. */
  readonly isDuplicate?: boolean;
}

/** Tells cuts, after which frames stay different, from flashes, which pass. */
class CutDetector {
  readonly #confirm: number;
  readonly #latest: Float32Array[] = [];

  constructor(confirm: number) {
    this.#confirm = confirm;
  }

  /** Least distance between the last frames, one more than confirm a cut, and those before. */
  push(embedding: Float32Array): number | undefined {
    const after = this.#confirm + 1;
    this.#latest.push(embedding);
    if (this.#latest.length > 2 * after) this.#latest.shift();
    const before = this.#latest.slice(0, -after);
    if (before.length === 0) return undefined;
    const last = this.#latest.slice(-after);
    const distances = before.flatMap((a) => last.map((b) => 1 - cosine(a, b)));
    return Math.max(0, Math.min(...distances));
  }
}

/** Mean of the first embeddings, once there are enough. */
class Reference {
  readonly #wanted: number;
  readonly #from: number;
  #sum: Float32Array | undefined;
  #count = 0;

  constructor({ reference, referenceFrames = 10, referenceFrom = 0 }: DriftOptions) {
    this.#wanted = reference === undefined ? referenceFrames : 0;
    this.#from = reference === undefined ? referenceFrom : 0;
    this.#sum = reference;
  }

  distance(embedding: Float32Array, index: number): number | undefined {
    if (index < this.#from) return undefined;
    if (this.#count < this.#wanted) {
      this.#sum ??= new Float32Array(embedding.length);
      for (let i = 0; i < embedding.length; i++) this.#sum[i]! += embedding[i]!;
      if (++this.#count < this.#wanted) return undefined;
    }
    return 1 - cosine(embedding, this.#sum!);
  }
}

/** Mean of the past in which a frame counts half after a time. */
class RunningMean {
  readonly #halfLife: number;
  #mean: Float32Array | undefined;
  #time = 0;

  constructor(halfLife: number) {
    this.#halfLife = halfLife;
  }

  /** Distance to the mean of what came before; then takes the embedding in. */
  distance(embedding: Float32Array, time: number): number | undefined {
    const mean = this.#mean;
    if (mean === undefined) {
      this.#mean = embedding.slice();
      this.#time = time;
      return undefined;
    }
    const distance = 1 - cosine(embedding, mean);
    const keep = 2 ** (-Math.max(0, time - this.#time) / this.#halfLife);
    for (let i = 0; i < mean.length; i++) mean[i] = mean[i]! * keep + embedding[i]! * (1 - keep);
    this.#time = time;
    return distance;
  }
}

/** Refuses settings that make no sense. */
function checkOptions(options: DriftOptions): void {
  for (
    const name of ["window", "referenceFrames", "baseline", "mmdWindow", "confirmFrames"] as const
  ) {
    const value = options[name];
    const least = name === "mmdWindow" || name === "baseline" ? 2 : 1;
    if (value !== undefined && !(Number.isInteger(value) && value >= least)) {
      throw new RangeError(
        `Cannot track drift: found ${name} ${value}, expected a whole number from ${least}`,
      );
    }
  }
  if (options.halfLife !== undefined && !(options.halfLife > 0)) {
    throw new RangeError(
      `Cannot track drift: found halfLife ${options.halfLife}, expected a number above 0`,
    );
  }
}

/** The measures of one stream; holds a bounded number of embeddings however long it runs. */
export class DriftTracker {
  readonly #window: number;
  readonly #reference: Reference;
  readonly #rolling: RunningMean;
  readonly #charts: ControlCharts;
  readonly #cuts: CutDetector;
  readonly #mmd: WindowedMmd;
  readonly #similarities: number[] = [];
  #next = 0;
  #previous: Float32Array | undefined;
  readonly #sums = new SimilaritySums();

  /**
   * Starts with no frames.
   *
   * @throws {RangeError} if a setting makes no sense
   */
  constructor(options: DriftOptions = {}) {
    checkOptions(options);
    this.#window = options.window ?? 300;
    this.#reference = new Reference(options);
    this.#rolling = new RunningMean(options.halfLife ?? 10);
    this.#charts = new ControlCharts(options.baseline ?? 30);
    this.#cuts = new CutDetector(options.confirmFrames ?? 3);
    this.#mmd = new WindowedMmd(options.mmdWindow ?? 32);
  }

  /**
   * Takes the next frame.
   *
   * @param embedding must not be changed afterwards
   * @param time seconds, growing
   * @param index of the frame. Default: the one after the last.
   * @param look what is known of the frame. A frame without content is like the one before and has
   * no other measures; the next with content is compared with the last that had some.
   * @throws {RangeError} if the embedding has another length than those before
   */
  push(
    embedding: Float32Array,
    time: number,
    index: number = this.#next,
    { hasContent = true, isDuplicate = false }: FrameLook = {},
  ): DriftRow {
    this.#next = index + 1;
    const previous = this.#previous;
    if (previous !== undefined && previous.length !== embedding.length) {
      throw new RangeError(
        `Cannot compare embeddings: found ${embedding.length} numbers after ${previous.length}`,
      );
    }
    if (!hasContent) return NO_CONTENT;
    const isSame = previous === undefined || isDuplicate;
    const similarity = isSame ? 1 : cosine(previous, embedding);
    this.#previous = embedding;
    if (previous !== undefined) this.#remember(similarity);
    const drift = 1 - similarity;
    const charts = previous === undefined ? undefined : this.#charts.push(drift);
    return {
      similarity,
      drift,
      cut: this.#cuts.push(embedding),
      reference: this.#reference.distance(embedding, index),
      rolling: this.#rolling.distance(embedding, time),
      ewma: charts?.ewma,
      cusum: charts?.cusum,
      mmd: this.#mmd.push(embedding),
    };
  }

  #remember(similarity: number): void {
    this.#similarities.push(similarity);
    if (this.#similarities.length > this.#window) this.#similarities.shift();
    this.#sums.add(similarity);
  }

  /** Statistics of the last similarities; the first frame has none. */
  get recent(): SimilarityStats {
    return similarityStats(this.#similarities);
  }

  /** Statistics of all similarities. */
  get total(): SimilarityStats {
    return this.#sums.stats;
  }
}
