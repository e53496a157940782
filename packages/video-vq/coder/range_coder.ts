/**
 * A lossless coder for tokens: each sign is coded with the probability that its neighbourhood
 * suggests, learned while coding. There are two ways to learn it. `range`: the context of a sign is
 * its channel, whether it lies in the window's first latent frame, and four signs of the same channel
 * that both sides know already: the one to its left, the one above, the one at its place in the
 * latent frame before (for the first, the last one of the window before), and the one at its place
 * in the window before. `mixed`: six contexts are weighed (`mixing_model.ts`), which takes fewer
 * bytes and more time. All arithmetic is on integers, so that every machine computes the same.
 *
 * The coder learns from window to window: windows must be decoded in the order they were
 * encoded, beginning at a key window, which resets everything. If coding does not help
 * (`undefined`), the packed bits are sent instead, and both sides learn from those.
 *
 * @example Two windows that are alike
 * ```ts
 * import { TokenDecoder, TokenEncoder, tokensFromPacked } from "@vcs/video-vq";
 * import assert from "node:assert/strict";
 *
 * const shape = { channels: 18, frames: 5, height: 16, width: 16 };
 * const packed = crypto.getRandomValues(new Uint8Array(2880));
 * const tokens = tokensFromPacked(packed, shape);
 *
 * const encoder = new TokenEncoder();
 * const decoder = new TokenDecoder();
 * const first = encoder.encode(tokens, true);
 * assert.equal(first, undefined); // noise: the packed bits are as short as it gets
 * decoder.learn(tokens, true);
 * for (let i = 0; i < 20; i++) {
 *   const coded = encoder.encode(tokens, false);
 *   const again = coded ? decoder.decode(coded, shape, false) : decoder.learn(tokens, false);
 *   assert.deepEqual(again, tokens);
 * }
 * ```
 *
 * @module
 */
import { MixingModel } from "./mixing_model.ts";
import { isSameShape, packedSize, type Tokens, type TokenShape } from "../stream/tokens.ts";

/** How the chances of signs are learned. */
export type TokenCoding = "range" | "mixed";

/** Takes or gives one sign whose chance of being +1 is `chance` / 65,536. */
export interface BitCoder {
  code(bit: number, chance: number): number;
}

/** What both sides have learned from the windows so far. */
export interface TokenModel {
  /** Whether a window of this shape can build on the ones before. */
  follows(shape: TokenShape): boolean;
  /** Codes one window: fills `packed` with what the coder gives, or feeds it from there. */
  run(coder: BitCoder, packed: Uint8Array, shape: TokenShape, key: boolean): void;
  /** Resets, as before the first window. */
  forget(): void;
}

/** Arithmetic coding with a 32-bit interval and no carries. */
class BitWriter implements BitCoder {
  readonly #bytes: Uint8Array;
  #length = 0;
  #low = 0;
  #high = 0xffffffff;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  code(bit: number, chance: number): number {
    const middle = split(this.#low, this.#high, chance);
    if (bit) this.#high = middle;
    else this.#low = middle + 1;
    while ((this.#low ^ this.#high) >>> 24 === 0) {
      this.#push(this.#high >>> 24);
      this.#low = (this.#low << 8) >>> 0;
      this.#high = ((this.#high << 8) | 255) >>> 0;
    }
    return bit;
  }

  /** The bytes, or undefined if they exceed the capacity. The reader takes zeros past the end. */
  finish(): Uint8Array | undefined {
    for (let keep = 1; keep <= 4; keep++) {
      const unit = 2 ** (32 - 8 * keep);
      const value = Math.ceil(this.#low / unit) * unit;
      if (value > this.#high) continue;
      for (let i = 0; i < keep; i++) this.#push((value >>> (24 - 8 * i)) & 255);
      break;
    }
    return this.#length <= this.#bytes.length ? this.#bytes.slice(0, this.#length) : undefined;
  }

  #push(byte: number): void {
    if (this.#length < this.#bytes.length) this.#bytes[this.#length] = byte;
    this.#length++;
  }
}

class BitReader implements BitCoder {
  readonly #bytes: Uint8Array;
  #at = 0;
  #low = 0;
  #high = 0xffffffff;
  #value = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    for (let i = 0; i < 4; i++) this.#value = ((this.#value << 8) | this.#next()) >>> 0;
  }

  code(_: number, chance: number): number {
    const middle = split(this.#low, this.#high, chance);
    const bit = this.#value <= middle ? 1 : 0;
    if (bit) this.#high = middle;
    else this.#low = middle + 1;
    while ((this.#low ^ this.#high) >>> 24 === 0) {
      this.#low = (this.#low << 8) >>> 0;
      this.#high = ((this.#high << 8) | 255) >>> 0;
      this.#value = ((this.#value << 8) | this.#next()) >>> 0;
    }
    return bit;
  }

  #next(): number {
    return this.#at < this.#bytes.length ? this.#bytes[this.#at++]! : 0;
  }
}

/** For windows that were sent as packed bits: nothing is written, but the model learns. */
const LISTENER: BitCoder = { code: (bit) => bit };

function split(low: number, high: number, chance: number): number {
  const range = high - low;
  return low + (range >>> 16) * chance + (((range & 0xffff) * chance) >>> 16);
}

const CONTEXT_BITS = 5;
const CHANNEL_CONTEXTS = 1 << CONTEXT_BITS;
const MOST_SEEN = 60;
/** How far a chance moves towards what was seen: 1 / (seen + 1.6), in 1/65,536. */
const STEPS = Int32Array.from(
  { length: MOST_SEEN + 1 },
  (_, seen) => Math.round(32768 / (seen + 1.6)),
);

/** What a sign's neighbours say of it: one context of few bits. */
class NeighbourModel implements TokenModel {
  #shape: TokenShape | undefined;
  #chances = new Uint16Array(0);
  #seen = new Uint8Array(0);
  /** The signs of the window being coded and of the one before, a byte each. */
  #signs = new Uint8Array(0);
  #before = new Uint8Array(0);

  follows(shape: TokenShape): boolean {
    return this.#shape !== undefined && isSameShape(this.#shape, shape);
  }

  run(coder: BitCoder, packed: Uint8Array, shape: TokenShape, key: boolean): void {
    if (key || !this.follows(shape)) this.#reset(shape);
    [this.#signs, this.#before] = [this.#before, this.#signs];
    for (let channel = 0; channel < shape.channels; channel++) {
      this.#runChannel(coder, packed, shape, channel);
    }
  }

  forget(): void {
    this.#shape = undefined;
  }

  #reset(shape: TokenShape): void {
    const count = shape.channels * shape.frames * shape.height * shape.width;
    this.#shape = shape;
    this.#chances = new Uint16Array(shape.channels * CHANNEL_CONTEXTS).fill(32768);
    this.#seen = new Uint8Array(shape.channels * CHANNEL_CONTEXTS);
    this.#signs = new Uint8Array(count);
    this.#before = new Uint8Array(count);
  }

  #runChannel(coder: BitCoder, packed: Uint8Array, shape: TokenShape, channel: number): void {
    const { frames, height, width } = shape;
    const area = height * width;
    const start = channel * frames * area;
    const signs = this.#signs.subarray(start, start + frames * area);
    const before = this.#before.subarray(start, start + frames * area);
    let at = 0;
    for (let frame = 0; frame < frames; frame++) {
      const last = frame > 0 ? signs : before;
      const lastAt = frame > 0 ? -area : (frames - 1) * area;
      const first = frame === 0 ? 1 : 0;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, at++) {
          const context = (x > 0 ? signs[at - 1]! : 0) | (y > 0 ? signs[at - width]! : 0) << 1 |
            last[at + lastAt]! << 2 | before[at]! << 3 | first << 4;
          const bit = (packed[(start + at) >> 3]! >> ((start + at) & 7)) & 1;
          signs[at] = this.#code(coder, bit, channel * CHANNEL_CONTEXTS + context);
          if (signs[at]! !== bit) packed[(start + at) >> 3]! |= 1 << ((start + at) & 7);
        }
      }
    }
  }

  #code(coder: BitCoder, bit: number, context: number): number {
    const chance = this.#chances[context]!;
    const seen = this.#seen[context]!;
    const coded = coder.code(bit, chance);
    const miss = (coded ? 65472 : 64) - chance;
    this.#chances[context] = chance + ((miss * STEPS[seen]!) >> 15);
    if (seen < MOST_SEEN) this.#seen[context] = seen + 1;
    return coded;
  }
}

/** Codes windows in order. */
export class TokenEncoder {
  readonly #model: TokenModel;

  /** How chances are learned. */
  readonly coding: TokenCoding;

  /**
   * A coder that has learned nothing.
   *
   * @param coding how chances are learned. Default: `range`.
   */
  constructor(coding: TokenCoding = "range") {
    this.coding = coding;
    this.#model = coding === "mixed" ? new MixingModel() : new NeighbourModel();
  }

  /** Whether a window of this shape that is not a key can be coded now. */
  follows(shape: TokenShape): boolean {
    return this.#model.follows(shape);
  }

  /**
   * Codes a window.
   *
   * @param key whether to reset first, so that decoding can begin here; must be
   * true for the first window and when the shape changes
   * @returns the coded bytes, shorter than the packed bits, or undefined if coding does not help:
   * send the packed bits then, and let the decoder `learn` them
   * @throws {RangeError} if the window is not a key and cannot build on the ones before.
   */
  encode(tokens: Tokens, key: boolean): Uint8Array | undefined {
    if (!key && !this.#model.follows(tokens.shape)) {
      throw new RangeError(
        "Cannot code a window: found no window of its shape before it, expected one or a key window",
      );
    }
    const writer = new BitWriter(tokens.packed.length - 1);
    this.#model.run(writer, tokens.packed, tokens.shape, key);
    return writer.finish();
  }
}

/** Packed windows that a decoder keeps before it learns from them. */
const MOST_KEPT = 16;

/** Decodes windows in the order they were coded. */
export class TokenDecoder {
  readonly #models: Record<TokenCoding, TokenModel> = {
    range: new NeighbourModel(),
    mixed: new MixingModel(),
  };
  /**
   * Packed windows that nothing has learned from: most streams have no others, and only the window
   * after them says how they are to be learned from. The first is a key window if no model has begun.
   */
  #kept: Tokens[] = [];

  /** Whether a window of this shape that is not a key can be decoded now. */
  follows(shape: TokenShape, coding?: TokenCoding): boolean {
    const models = coding ? [this.#models[coding]] : Object.values(this.#models);
    if (models.some((model) => model.follows(shape))) return true;
    const [first] = this.#kept;
    return first !== undefined && !this.#hasBegun() && isSameShape(first.shape, shape);
  }

  /**
   * Decodes a window. Damaged bytes decode to other tokens without an error; a checksum over the
   * tokens detects them.
   *
   * @param coding how the window was coded. Default: `range`.
   * @throws {RangeError} if the window is not a key and no window of its shape came before it.
   */
  decode(
    coded: Uint8Array,
    shape: TokenShape,
    key: boolean,
    coding: TokenCoding = "range",
  ): Tokens {
    if (!key && !this.follows(shape, coding)) {
      throw new RangeError(
        "Cannot decode a window: found no window of its shape before it, expected one or a key window",
      );
    }
    if (key) this.#kept = [];
    else this.#catchUp([coding]);
    // What was packed until now could teach both; from here on a stream keeps to one.
    this.#models[coding === "range" ? "mixed" : "range"].forget();
    const packed = new Uint8Array(packedSize(shape));
    this.#models[coding].run(new BitReader(coded), packed, shape, key);
    return { shape, packed };
  }

  /** Learns from a window that was sent as packed bits, and returns it. */
  learn(tokens: Tokens, key: boolean): Tokens {
    if (key) this.forget();
    else if (!this.follows(tokens.shape)) return tokens;
    this.#kept.push(tokens);
    if (this.#kept.length === MOST_KEPT) this.#catchUp(["range", "mixed"]);
    return tokens;
  }

  /** Resets: the next window must be a key window. */
  forget(): void {
    for (const model of Object.values(this.#models)) model.forget();
    this.#kept = [];
  }

  #hasBegun(): boolean {
    return this.#kept.length > 0 &&
      Object.values(this.#models).some((model) => model.follows(this.#kept[0]!.shape));
  }

  /** Learns from what was kept. */
  #catchUp(codings: readonly TokenCoding[]): void {
    const isNew = !this.#hasBegun();
    for (const model of codings.map((coding) => this.#models[coding])) {
      for (const [i, { shape, packed }] of this.#kept.entries()) {
        const key = isNew && i === 0;
        if (key || model.follows(shape)) model.run(LISTENER, packed, shape, key);
      }
    }
    this.#kept = [];
  }
}
