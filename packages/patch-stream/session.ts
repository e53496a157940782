/**
 * The patches of a video, all at once, in batches or one by one.
 *
 * @module
 */
import { type Tensor, tensor, tensorRows } from "@vcs/transport/tensor";
import { PatchStreamError } from "./errors.ts";
import type { PatchTensor } from "./select/extract.ts";
import type { Grid } from "./sampling/grid.ts";
import type { SampledFrames } from "./sampling/sampled_video.ts";

export type { Grid, PatchTensor, SampledFrames };

/** Columns of {@linkcode PatchBatch.fields}. */
export const FIELD_NAMES = [
  "seq_pos",
  "frame_id",
  "is_i",
  "patch_linear_idx",
  "patch_h_idx",
  "patch_w_idx",
] as const;

/** Where a patch comes from. */
export interface PatchRecord {
  /** Position of its frame in the sequence, from 0. */
  readonly seqPos: number;
  /** Number of its frame in the video. */
  readonly frameId: number;
  /** Whether its frame counts as a key frame. */
  readonly isI: boolean;
  /** `seqPos * gridH * gridW + patchHIdx * gridW + patchWIdx`. */
  readonly patchLinearIdx: number;
  /** Row of the grid. */
  readonly patchHIdx: number;
  /** Column of the grid. */
  readonly patchWIdx: number;
  /** Energy: the sum over the patch's pixels, 0 to patchSize². */
  readonly score: number;
}

/** Some patches. */
export interface PatchBatch {
  /** Values, [K, 3, p, p] or flattened to [K, 3·p·p]. */
  readonly patches: PatchTensor;
  /** Six columns of whole numbers, [K, 6]: see {@linkcode FIELD_NAMES}. */
  readonly fields: Tensor<"I64">;
  /** Energy of each patch, [K]. */
  readonly scores: Tensor<"F32">;
}

/** All kept patches of a video, and what describes them. */
export interface PatchStreamResult extends PatchBatch, SampledFrames {
  /** The same as fields and scores, as records. */
  readonly metadata: readonly PatchRecord[];
  /** Size of the resized frames, and the patches on them. */
  readonly grid: Grid;
  /** The resized frames, RGB of 8 bits, [T, targetH, targetW, 3]. */
  readonly frames: Tensor<"U8">;
  /** Energy of every patch, kept or not, [T, gridH, gridW]. */
  readonly scoreMap: Tensor<"F32">;
  /** Whether each sampled frame counts as a key frame. */
  readonly isKey: readonly boolean[];
  /** Where frames were processed: `cpu`, `cuda:N` or `webgpu`. */
  readonly processedOn: string;
}

/** What a session is made of. */
export interface SessionParts extends Omit<PatchStreamResult, "metadata" | "frames"> {
  /** Resized frame of each position in the sequence, [targetH, targetW, 3], 0 to 255. */
  readonly pixels: readonly Float32Array[];
}

/**
 * The kept patches of a video with a cursor over them. All work is done when it is made; closing
 * it releases the memory.
 */
export class PatchStreamSession implements Disposable {
  #parts: SessionParts | undefined;
  readonly #shape: readonly number[];
  readonly #dtype: PatchTensor["dtype"];
  #metadata: PatchRecord[] | undefined;
  #cursor = 0;

  /** Wraps finished work; {@linkcode patchStream} does this. */
  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#shape = parts.patches.shape.slice(1);
    this.#dtype = parts.patches.dtype;
  }

  #open(): SessionParts {
    if (this.#parts) return this.#parts;
    throw new PatchStreamError("closed", "Cannot read patches: the session is closed");
  }

  /** Number of patches; 0 once closed. */
  get length(): number {
    return this.#parts?.scores.data.length ?? 0;
  }

  /** Values of all patches; throws `closed` once closed, as the other tensors do. */
  get patches(): PatchTensor {
    return this.#open().patches;
  }

  /** Where all patches come from, [K, 6]: see {@linkcode FIELD_NAMES}. */
  get fields(): Tensor<"I64"> {
    return this.#open().fields;
  }

  /** Energy of all patches, [K]. */
  get scores(): Tensor<"F32"> {
    return this.#open().scores;
  }

  /** Fields and scores as records, made when first asked for; empty once closed. */
  get metadata(): readonly PatchRecord[] {
    if (!this.#parts) return [];
    return this.#metadata ??= Array.from(
      { length: this.length },
      (_, n) => recordAt(this.#parts!, n),
    );
  }

  /** Size of the resized frames, and the patches on them. */
  get grid(): Grid {
    return this.#open().grid;
  }

  /** Numbers of the sampled frames; empty once closed. */
  get sampledFrameIds(): readonly number[] {
    return this.#parts?.sampledFrameIds ?? [];
  }

  /** Times of the sampled frames in seconds; empty once closed. */
  get pts(): readonly number[] {
    return this.#parts?.pts ?? [];
  }

  /** Frames per second of the video; 0 once closed. */
  get fps(): number {
    return this.#parts?.fps ?? 0;
  }

  /** Length of the video in seconds; 0 once closed. */
  get durationSec(): number {
    return this.#parts?.durationSec ?? 0;
  }

  /** The next patches from the cursor on: so many, or those that are left; none once closed. */
  next(count = 1): PatchBatch {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new RangeError(
        `Cannot read patches: found a count of ${count}, expected whole numbers from 0`,
      );
    }
    if (!this.#parts) return emptyBatch(this.#dtype, this.#shape);
    const { patches, fields, scores } = this.#parts;
    const from = this.#cursor;
    const to = this.#cursor = Math.min(this.length, from + count);
    return {
      patches: tensorRows(patches, from, to),
      fields: tensorRows(fields, from, to),
      scores: tensorRows(scores, from, to),
    };
  }

  /** Walks from the cursor to the end, one patch and its record at a time. */
  *[Symbol.iterator](): IterableIterator<readonly [patch: PatchTensor, record: PatchRecord]> {
    while (this.#parts && this.#cursor < this.length) {
      const n = this.#cursor++;
      const patch = tensorRows(this.#parts.patches, n, n + 1);
      yield [{ ...patch, shape: this.#shape }, recordAt(this.#parts, n)];
    }
  }

  /** Puts the cursor back to the first patch. */
  reset(): void {
    this.#cursor = 0;
  }

  /** Everything at once; the cursor stays where it is. */
  collect(): PatchStreamResult {
    const { pixels, ...parts } = this.#open();
    return { ...parts, metadata: this.metadata, frames: roundFrames(pixels, parts.grid) };
  }

  /** Releases all memory; tensors taken before stay valid. */
  close(): void {
    this.#parts = undefined;
    this.#metadata = undefined;
  }

  /** The same as {@linkcode PatchStreamSession.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function recordAt({ fields, scores }: PatchBatch, n: number): PatchRecord {
  const [seqPos, frameId, isI, patchLinearIdx, patchHIdx, patchWIdx] = Array.from(
    fields.data.subarray(6 * n, 6 * n + 6),
    Number,
  ) as [number, number, number, number, number, number];
  const score = scores.data[n]!;
  return { seqPos, frameId, isI: isI === 1, patchLinearIdx, patchHIdx, patchWIdx, score };
}

function emptyBatch(dtype: PatchTensor["dtype"], shape: readonly number[]): PatchBatch {
  return {
    patches: tensor(dtype, [0, ...shape]),
    fields: tensor("I64", [0, 6]),
    scores: tensor("F32", [0]),
  };
}

function roundFrames(pixels: readonly Float32Array[], grid: Grid): Tensor<"U8"> {
  const frames = tensor("U8", [pixels.length, grid.targetH, grid.targetW, 3]);
  pixels.forEach((frame, t) => {
    const out = frames.data.subarray(t * frame.length, (t + 1) * frame.length);
    for (let i = 0; i < out.length; i++) out[i] = frame[i]! + 0.5;
  });
  return frames;
}
