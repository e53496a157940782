/**
 * Energy from what the encoder already found out: motion vectors and packet sizes.
 *
 * A vector says how far a block moved to the frame it was predicted from. Camera motion is taken
 * off (the median over the frame's blocks), the rest is divided by the distance to that frame,
 * and added up over all frames since the sample before, because vectors refer to neighbouring
 * frames and samples lie far apart. Blocks without a vector in a frame that has some are new
 * content. Frames that took more bytes than usual weigh more, 0.5 at the usual.
 *
 * @module
 */
import type { FrameMotion, IndexedFrame, MotionVectors } from "@vcs/media/video_reader";
import type { PlaneSize } from "./energy.ts";

/** Movement, as a share of the frame's longer side, at which half of full energy is reached. */
const HALF_MOTION = 0.01;
/** Movement, on the same scale, that a block counts for which could not be predicted. */
const NEW_CONTENT = 0.02;

/** The frame that vectors are about, as it is stored. */
export interface StoredFrame extends PlaneSize {
  /** Clockwise turn in degrees that brings it upright. */
  readonly turn: number;
  /** Whether it is flipped upside down before that turn. */
  readonly mirrored: boolean;
}

/** A block's place: its centre and size in pixels. */
type Block = readonly [x: number, y: number, width: number, height: number];

/** Where a block of the stored frame lies once that is upright. */
function turned([x, stored, width, height]: Block, frame: StoredFrame): Block {
  const y = frame.mirrored ? frame.height - stored : stored;
  if (frame.turn === 90) return [frame.height - y, x, height, width];
  if (frame.turn === 180) return [frame.width - x, frame.height - y, width, height];
  if (frame.turn === 270) return [y, frame.width - x, height, width];
  return [x, y, width, height];
}

/** Collects the motion between samples, at the size of an energy map. */
export class MotionEnergy {
  readonly #size: PlaneSize;
  readonly #frame: StoredFrame;
  readonly #index: readonly IndexedFrame[];
  readonly #usual: number;
  #moved: Float32Array;
  #bytes = 0;
  #frames = 0;

  /**
   * Starts before the first frame.
   *
   * @param size of the energy map, upright
   * @param frame that the vectors are about
   * @param index the video's frames, for the size of their packets
   */
  constructor(size: PlaneSize, frame: StoredFrame, index: readonly IndexedFrame[]) {
    this.#size = size;
    this.#frame = frame;
    this.#index = index;
    const predicted = index.filter((frame) => !frame.keyframe).map((frame) => frame.size);
    this.#usual = median(predicted);
    this.#moved = new Float32Array(size.width * size.height);
  }

  /** Adds a frame's motion; frames come in presentation order. */
  add({ index, keyframe, vectors }: FrameMotion): void {
    if (keyframe) return;
    this.#bytes += this.#index[index]!.size;
    this.#frames++;
    if (vectors.length > 0) this.#paint(vectors);
  }

  /** Energy since the sample before, 0 to 1 per pixel of the map; starts the next interval. */
  take(): Float32Array {
    const bytesPerFrame = this.#frames === 0 ? 0 : this.#bytes / this.#frames;
    const weight = bytesPerFrame / (bytesPerFrame + this.#usual || 1);
    const energy = this.#moved.map((moved) => weight * moved / (HALF_MOTION + moved));
    this.#moved = new Float32Array(energy.length);
    this.#bytes = 0;
    this.#frames = 0;
    return energy;
  }

  /** Adds the motion of each block to the pixels of the map that it covers. */
  #paint(vectors: MotionVectors): void {
    const { width, height } = this.#size;
    const motion = new Float32Array(width * height).fill(NEW_CONTENT);
    const longer = Math.max(this.#frame.width, this.#frame.height);
    const [dx, dy] = perFrame(vectors);
    const [panX, panY] = [median(dx), median(dy)];
    const covered = new Uint8Array(motion.length);
    for (let i = 0; i < vectors.length; i++) {
      const length = Math.hypot(dx[i]! - panX, dy[i]! - panY) / longer;
      this.#cover(vectors, i, (at) => {
        motion[at] = covered[at] ? Math.max(motion[at]!, length) : length;
        covered[at] = 1;
      });
    }
    for (let at = 0; at < motion.length; at++) this.#moved[at]! += motion[at]!;
  }

  /** Visits the pixels of the map under a block. */
  #cover(vectors: MotionVectors, i: number, visit: (at: number) => void): void {
    const { width, height } = this.#size;
    const sideways = this.#frame.turn % 180 !== 0;
    const across = width / (sideways ? this.#frame.height : this.#frame.width);
    const down = height / (sideways ? this.#frame.width : this.#frame.height);
    const stored = [vectors.x[i]!, vectors.y[i]!, vectors.width[i]!, vectors.height[i]!] as const;
    const [x, y, blockWidth, blockHeight] = turned(stored, this.#frame);
    const left = (x - blockWidth / 2) * across;
    const top = (y - blockHeight / 2) * down;
    const right = Math.min(width, left + blockWidth * across);
    const bottom = Math.min(height, top + blockHeight * down);
    for (let row = Math.max(0, Math.round(top)); row < bottom; row++) {
      for (let column = Math.max(0, Math.round(left)); column < right; column++) {
        visit(row * width + column);
      }
    }
  }
}

/** Movement in pixels for each frame of distance to the reference. */
function perFrame({ length, source, dx, dy }: MotionVectors): [Float32Array, Float32Array] {
  const distance = (i: number) => Math.max(1, Math.abs(source[i]!));
  return [
    Float32Array.from({ length }, (_, i) => dx[i]! / distance(i)),
    Float32Array.from({ length }, (_, i) => dy[i]! / distance(i)),
  ];
}

function median(values: ArrayLike<number>): number {
  return Float64Array.from(values).sort()[values.length >> 1] ?? 0;
}
