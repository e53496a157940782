/**
 * How much of a picture's embedding is left when only some of its patches are kept: for each share
 * of patches the cosine to the embedding of all of them, with those kept that have the most energy,
 * and with as many others drawn at random beside them.
 *
 * @module
 */
import type { MediaSource } from "@vcs/patch-stream/config";
import { patchStream } from "@vcs/patch-stream/patch_stream";
import type { PatchStreamSession } from "@vcs/patch-stream/session";
import type { PatchEmbedder, PatchGrid } from "./embedder.ts";

/** What to compare. */
export interface ShareOptions {
  /** Frames to sample; the first has none before it, and is not counted. Default: 16. */
  readonly frames?: number;
  /** Frames are resized to about this squared, in patches of the model. Default: 224. */
  readonly inputSize?: number;
  /** Shares of a frame's patches to keep, above 0 to 1. Default: 0.05, 0.1, 0.25, 0.5, 0.75, 1. */
  readonly shares?: readonly number[];
  /** Ends the work. */
  readonly signal?: AbortSignal;
  /** Called with frames done so far and all. */
  readonly onProgress?: (done: number, all: number) => void;
}

/** Mean and least cosine over the frames. */
export interface Cosines {
  /** Over the frames. */
  readonly mean: number;
  /** Of the frame that lost most. */
  readonly least: number;
}

/** What came of a share. */
export interface ShareResult {
  /** Share of a frame's patches. */
  readonly share: number;
  /** Patches that this is of each frame. */
  readonly patches: number;
  /** Where the patches with the most energy are kept. */
  readonly energy: Cosines;
  /** Where as many are drawn at random. */
  readonly random: Cosines;
  /** Mean time of an embedding in milliseconds. */
  readonly milliseconds: number;
}

/** What came of all shares. */
export interface ShareComparison {
  /** The model. */
  readonly model: string;
  /** Patches of a frame. */
  readonly grid: PatchGrid;
  /** Frames that were compared. */
  readonly frames: number;
  /** What came of each share, in the order of the shares. */
  readonly shares: readonly ShareResult[];
}

/** Shares of patches where none are named. */
export const SHARES: readonly number[] = [0.05, 0.1, 0.25, 0.5, 0.75, 1];

/** A frame's patches by their cells, and the cells in the order in which they would be kept. */
interface Frame {
  readonly patches: ReadonlyMap<number, Float32Array>;
  readonly byEnergy: readonly number[];
  readonly atRandom: readonly number[];
}

/** A number without order for another, always the same (the last steps of MurmurHash3). */
function scattered(x: number): number {
  x = Math.imul(x ^ x >>> 16, 0x85ebca6b);
  x = Math.imul(x ^ x >>> 13, 0xc2b2ae35);
  return (x ^ x >>> 16) >>> 0;
}

/** The frames of a session that holds all patches, without the first. */
function framesOf(session: PatchStreamSession): Frame[] {
  const { gridW } = session.grid;
  const length = session.sampledFrameIds.length;
  const all = Map.groupBy(session.metadata.entries(), ([, { seqPos }]) => seqPos);
  const { data, shape } = session.patches;
  const area = shape[1]!;
  return [...all].filter(([position]) => position > 0).map(([position, entries]) => {
    const cellOf = new Map(
      entries.map(([n, { patchHIdx, patchWIdx }]) => [n, patchHIdx * gridW + patchWIdx]),
    );
    const ranked = entries.toSorted(([, a], [, b]) =>
      b.score - a.score || a.patchLinearIdx - b.patchLinearIdx
    );
    const patches = new Map(
      entries.map((
        [n],
      ) => [cellOf.get(n)!, (data as Float32Array).subarray(n * area, (n + 1) * area)]),
    );
    const drawn = (cell: number) => scattered(cell * length + position);
    return {
      patches,
      byEnergy: ranked.map(([n]) => cellOf.get(n)!),
      atRandom: [...patches.keys()].sort((a, b) => drawn(a) - drawn(b)),
    };
  });
}

function cosineOf(a: Float32Array, b: Float32Array): number {
  const dot = a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  return dot / (Math.hypot(...a) * Math.hypot(...b));
}

function cosines(values: readonly number[]): Cosines {
  return { mean: values.reduce((a, b) => a + b, 0) / values.length, least: Math.min(...values) };
}

/** Embeds some patches of a frame. */
async function embed(
  embedder: PatchEmbedder,
  { patches }: Frame,
  cells: readonly number[],
  grid: PatchGrid,
): Promise<Float32Array> {
  const area = 3 * embedder.vit.patchSize ** 2;
  const values = new Float32Array(cells.length * area);
  cells.forEach((cell, n) => values.set(patches.get(cell)!, n * area));
  return await embedder.embed(values, cells, grid);
}

/** Cosines of all frames for one number of patches. */
async function compareOne(
  embedder: PatchEmbedder,
  frames: readonly Frame[],
  whole: readonly Float32Array[],
  grid: PatchGrid,
  count: number,
): Promise<Omit<ShareResult, "share">> {
  const [byEnergy, atRandom]: number[][] = [[], []];
  const start = performance.now();
  for (const [n, frame] of frames.entries()) {
    const some = await embed(embedder, frame, frame.byEnergy.slice(0, count), grid);
    byEnergy!.push(cosineOf(some, whole[n]!));
  }
  const milliseconds = (performance.now() - start) / frames.length;
  for (const [n, frame] of frames.entries()) {
    const some = await embed(embedder, frame, frame.atRandom.slice(0, count), grid);
    atRandom!.push(cosineOf(some, whole[n]!));
  }
  return { patches: count, energy: cosines(byEnergy!), random: cosines(atRandom!), milliseconds };
}

/**
 * Compares what is left of the embeddings of a video's frames.
 *
 * @throws {RangeError} for a share that is not above 0 and at most 1, or a video with one frame
 * @throws {MediaError} where the video cannot be read
 */
export async function compareShares(
  video: MediaSource,
  embedder: PatchEmbedder,
  { frames: sequenceLength = 16, inputSize = 224, shares = SHARES, ...more }: ShareOptions = {},
): Promise<ShareComparison> {
  const wrong = shares.find((share) => !(share > 0 && share <= 1));
  if (wrong !== undefined) {
    throw new RangeError(`Cannot compare: found a share of ${wrong}, expected above 0 to 1`);
  }
  const { patchSize, mean, std, about } = embedder.vit;
  using session = await patchStream({
    ...{ videoPath: video, sequenceLength, inputSize, patchSize, ...more },
    ...{ kKeep: Number.MAX_SAFE_INTEGER, keyFrames: "score", outputDtype: "float32" },
    ...{ normalize: { mean, std }, flatten: "chw" },
  });
  const grid = { rows: session.grid.gridH, columns: session.grid.gridW };
  const frames = framesOf(session);
  if (frames.length === 0) {
    throw new RangeError("Cannot compare: found 1 frame, expected 2 or more");
  }
  const whole: Float32Array[] = [];
  for (const frame of frames) whole.push(await embed(embedder, frame, frame.byEnergy, grid));
  const results: ShareResult[] = [];
  for (const share of shares) {
    more.signal?.throwIfAborted();
    const count = Math.max(1, Math.round(share * grid.rows * grid.columns));
    results.push({ share, ...await compareOne(embedder, frames, whole, grid, count) });
  }
  return { model: about, grid, frames: frames.length, shares: results };
}
