/**
 * What a sign's neighbours say of it, by context mixing: six contexts, each with a chance learned
 * while coding, are weighed together, and the weights are learned, too (Mahoney, "Adaptive
 * weighing of context models for lossless data compression", 2005). Tables are made from whole
 * numbers and all arithmetic is on integers, so that every machine computes the same.
 *
 * Chances are of 65,536. The weighing adds their logits, in 1/256 of a natural unit.
 *
 * @module
 */
import type { BitCoder, TokenModel } from "./range_coder.ts";
import { isSameShape, type TokenShape } from "../stream/tokens.ts";

/** 65,536 / (1 + exp(−x)) for x from −8 to 8 in steps of a half. */
const LOGISTIC = Int32Array.of(
  ...[22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768],
  ...[40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438],
  ...[65476, 65500, 65514],
);

/** The largest logit. */
const MOST = 2047;

/** The chance of a logit. */
function chanceOf(logit: number): number {
  const at = logit + MOST + 1;
  const place = at >> 7;
  const below = LOGISTIC[place]!;
  return below + (((LOGISTIC[place + 1]! - below) * (at & 127)) >> 7);
}

/** The logit of each chance, of 4,096. */
const LOGITS = new Int16Array(4096).fill(MOST);
for (let logit = MOST; logit >= -MOST; logit--) LOGITS.fill(logit, 0, chanceOf(logit) >> 4);

/** Contexts that are weighed. */
const CONTEXTS = 6;
/** Beside them a logit that is always the same. */
const INPUTS = CONTEXTS + 1;
const SAME = 77;
/** Weights at first, in 1/65,536. */
const FIRST_WEIGHT = 16384;
/** Places of a context's chances; contexts find theirs by a hash. */
const PLACE_BITS = 16;
/** Sets of weights of a channel: by neighbours, and by where a sign lies. */
const NEAR_SETS = 16;
const EDGE_SETS = 2;

const MOST_SEEN = 120;
/** How far a chance moves towards what was seen: 1 / (seen + 1.5), in 1/32,768. */
const STEPS = Int32Array.from(
  { length: MOST_SEEN + 1 },
  (_, seen) => Math.trunc(65536 / (2 * seen + 3)),
);
/** How far weights move, in 1/65,536 of error times logit. */
const RATE = 5;

/** Signs around a frame that are always −1. */
const MARGIN = 2;

/** Two sets of weights, and where in them a sign's are. */
interface Weights {
  readonly values: Int32Array;
  at: number;
  chance: number;
}

/** What both sides have learned from the windows so far. */
export class MixingModel implements TokenModel {
  #shape: TokenShape | undefined;
  /** A sign a byte: for each channel the frames of the window before, then those of this one. */
  #signs = new Uint8Array(0);
  /** For each position of a window, what the channels before say: all their signs, as a hash. */
  #hashes = new Int32Array(0);
  /** The same: how many of them are not what they were in the frame before. */
  #changes = new Uint8Array(0);
  /** Each context's places: a chance, times 256, and how often it was needed. */
  readonly #places = new Int32Array(CONTEXTS << PLACE_BITS);
  readonly #keys = new Int32Array(CONTEXTS);
  readonly #logits = new Int32Array(INPUTS).fill(SAME);
  #near: Weights = { values: new Int32Array(0), at: 0, chance: 0 };
  #edge: Weights = { values: new Int32Array(0), at: 0, chance: 0 };

  follows(shape: TokenShape): boolean {
    return this.#shape !== undefined && isSameShape(this.#shape, shape);
  }

  forget(): void {
    this.#shape = undefined;
  }

  run(coder: BitCoder, packed: Uint8Array, shape: TokenShape, key: boolean): void {
    if (key || !this.follows(shape)) this.#reset(shape);
    else this.#next(shape);
    for (let channel = 0; channel < shape.channels; channel++) {
      this.#runChannel(coder, packed, shape, channel);
    }
  }

  #reset(shape: TokenShape): void {
    const { channels, frames, height, width } = shape;
    this.#shape = shape;
    this.#signs = new Uint8Array(channels * 2 * frames * sizeOf(shape));
    this.#hashes = new Int32Array(frames * height * width);
    this.#changes = new Uint8Array(frames * height * width);
    this.#places.fill(32768 << 8);
    const weights = (sets: number) => new Int32Array(channels * sets * INPUTS).fill(FIRST_WEIGHT);
    this.#near = { values: weights(NEAR_SETS), at: 0, chance: 0 };
    this.#edge = { values: weights(EDGE_SETS), at: 0, chance: 0 };
  }

  /** Makes the window that was coded the one before. */
  #next(shape: TokenShape): void {
    const half = shape.frames * sizeOf(shape);
    for (let channel = 0; channel < shape.channels; channel++) {
      const at = channel * 2 * half;
      this.#signs.copyWithin(at, at + half, at + 2 * half);
    }
    this.#hashes.fill(0);
    this.#changes.fill(0);
  }

  #runChannel(coder: BitCoder, packed: Uint8Array, shape: TokenShape, channel: number): void {
    const { frames, height, width } = shape;
    const row = width + 2 * MARGIN;
    const frame = sizeOf(shape);
    const before = frames * frame;
    const signs = this.#signs;
    const first = channel * frames * height * width;
    let position = 0;
    for (let f = 0; f < frames; f++) {
      for (let y = 0; y < height; y++) {
        let at = ((2 * channel + 1) * frames + f) * frame + (y + MARGIN) * row + MARGIN;
        for (let x = 0; x < width; x++, at++, position++) {
          this.#find(at, row, frame, before, channel, position, f > 0 ? 1 : 0, y * width + x);
          const place = first + position;
          const bit = (packed[place >> 3]! >> (place & 7)) & 1;
          const coded = coder.code(bit, this.#weigh());
          this.#learn(coded);
          signs[at] = coded;
          if (coded !== bit) packed[place >> 3]! |= 1 << (place & 7);
          this.#hashes[position] = Math.imul(this.#hashes[position]!, 5) + 1 + coded;
          if (coded !== signs[at - frame]) this.#changes[position]!++;
        }
      }
    }
  }

  /** Finds the chances and weights of the sign at a place. */
  #find(
    at: number,
    row: number,
    frame: number,
    before: number,
    channel: number,
    position: number,
    isLater: number,
    inFrame: number,
  ): void {
    const s = this.#signs;
    const keys = this.#keys;
    const left = s[at - 1]!;
    const up = s[at - row]!;
    const upLeft = s[at - row - 1]!;
    const upRight = s[at - row + 1]!;
    const last = at - frame;
    const past = s[last]!;
    const pastLeft = s[last - 1]!;
    const pastRight = s[last + 1]!;
    const pastUp = s[last - row]!;
    const pastDown = s[last + row]!;
    // A window of one frame has no more than one before it.
    const older = s[before > frame ? last - frame : last]!;
    const window = s[at - before]!;
    const changes = Math.min(this.#changes[position]!, 3);

    keys[0] = past | older << 1 | window << 2 | pastLeft << 3 | pastUp << 4 | pastRight << 5 |
      pastDown << 6 | isLater << 7;
    keys[1] = inFrame << 1 | isLater;
    keys[2] = this.#hashes[position]!;
    keys[3] = left | s[at - 2]! << 1 | up << 2 | s[at - 2 * row]! << 3 | upLeft << 4 |
      upRight << 5 |
      past << 6 | pastRight << 7 | pastDown << 8 | pastUp << 9;
    keys[4] = past << 5 | left << 6 | up << 7;
    // In vq-tiny seven channels before is the next higher bit of the same value.
    if (channel >= 7) {
      const higher = at - 14 * before;
      keys[4] |= s[higher]! | s[higher - 1]! << 2 | s[higher - row]! << 3 | s[higher - frame]! << 4;
      if (channel >= 14) keys[4] |= s[higher - 14 * before]! << 1;
    }
    keys[5] = Number(left === pastLeft) | Number(up === pastUp) << 1 |
      Number(upLeft === s[last - row - 1]!) << 2 | Number(upRight === s[last - row + 1]!) << 3 |
      past << 4 | window << 5 | Number(past === older) << 6 | changes << 7;

    const salt = Math.imul(channel + 1, 0x85ebca6b);
    for (let i = 0; i < CONTEXTS; i++) {
      const hash = (Math.imul(keys[i]! + 1, 0x9e3779b1) ^ salt) >>> (32 - PLACE_BITS);
      keys[i] = hash + (i << PLACE_BITS);
    }
    const near = left | up << 1 | past << 2 | window << 3;
    this.#near.at = (channel * NEAR_SETS + near) * INPUTS;
    this.#edge.at = (channel * EDGE_SETS + isLater) * INPUTS;
  }

  /** The chance that all say together. */
  #weigh(): number {
    const logits = this.#logits;
    for (let i = 0; i < CONTEXTS; i++) {
      logits[i] = LOGITS[this.#places[this.#keys[i]!]! >> 12]!;
    }
    const both = weighed(this.#near, logits) + weighed(this.#edge, logits);
    return chanceOf(both >> 1);
  }

  #learn(bit: number): void {
    move(this.#near, this.#logits, bit);
    move(this.#edge, this.#logits, bit);
    const seen = bit ? 65503 : 33;
    for (let i = 0; i < CONTEXTS; i++) {
      const place = this.#keys[i]!;
      const state = this.#places[place]!;
      const [chance, count] = [state >> 8, state & 255];
      const moved = chance + (((seen - chance) * STEPS[count]!) >> 15);
      this.#places[place] = moved << 8 | (count < MOST_SEEN ? count + 1 : count);
    }
  }
}

/** Signs of a frame with its margin. */
function sizeOf({ height, width }: TokenShape): number {
  return (height + 2 * MARGIN) * (width + 2 * MARGIN);
}

/** The logit by a set of weights. */
function weighed(weights: Weights, logits: Int32Array): number {
  const { values, at } = weights;
  let sum = 0;
  for (let i = 0; i < INPUTS; i++) sum += values[at + i]! * logits[i]!;
  const logit = Math.max(-MOST, Math.min(MOST, Math.trunc(sum / 65536)));
  weights.chance = chanceOf(logit);
  return logit;
}

/** Moves weights towards those that would have said the sign. */
function move({ values, at, chance }: Weights, logits: Int32Array, bit: number): void {
  const error = RATE * ((bit ? 65536 : 0) - chance);
  for (let i = 0; i < INPUTS; i++) values[at + i]! += (error * logits[i]! + 32768) >> 16;
}
