/**
 * The arithmetic coder of entropy-coded `.ecdc` segments, bit for bit that of Meta's encodec: 24-bit
 * cumulative distributions, ranges that are refilled to at least 24 bits and never rescaled.
 *
 * Written in the equivalent form without 61-bit numbers: the decoder keeps only the distance
 * of the code value from the range's low end, the encoder carries into bits already written.
 *
 * @module
 */
import { EcdcError } from "../errors.ts";

const TOTAL = 2 ** 24;
const MIN_RANGE = 2;

/** Cumulative distribution: symbol s owns the values from `cdf[s - 1]` (or 0) up to `cdf[s]`. */
export type Cdf = Float64Array;

/**
 * Quantises probabilities to a cumulative distribution of 24 bits, with float32 steps in Meta's order.
 * Every symbol gets at least two values; the sum may miss 2^24 by rounding, on either side.
 */
export function quantizeCdf(probabilities: Float32Array): Cdf {
  const grain = Math.fround(1e-8);
  const spread = Math.fround((1 - (MIN_RANGE * probabilities.length) / TOTAL) * TOTAL);
  const cdf = new Float64Array(probabilities.length);
  let sum = 0;
  for (const [s, p] of probabilities.entries()) {
    const rounded = Math.fround(Math.floor(Math.fround(p / grain)) * grain);
    sum += Math.floor(Math.fround(spread * rounded)) + MIN_RANGE;
    cdf[s] = sum;
  }
  return cdf;
}

/** First and last offset that a symbol owns inside a range of some width. */
function bounds(cdf: Cdf, symbol: number, width: number): [number, number] {
  const low = symbol > 0 ? cdf[symbol - 1]! : 0;
  const step = width / TOTAL;
  return [Math.ceil(low * step), Math.floor((cdf[symbol]! - 1) * step)];
}

/** Encodes symbols into the bytes of one segment. */
export class ArithmeticEncoder {
  /** Bits of the range's low end, most significant first; carries run back through them. */
  readonly #bits: number[] = [];
  #width = 1;

  /** Adds a symbol with its distribution. */
  push(symbol: number, cdf: Cdf): void {
    while (this.#width < TOTAL) {
      this.#width *= 2;
      this.#bits.push(0);
    }
    const [low, high] = bounds(cdf, symbol, this.#width);
    this.#add(low);
    this.#width = high - low + 1;
  }

  /** Adds a number to the low end. */
  #add(value: number): void {
    for (let at = this.#bits.length - 1; value > 0 && at >= 0; at--) {
      const sum = value + this.#bits[at]!;
      this.#bits[at] = sum % 2;
      value = Math.floor(sum / 2);
    }
  }

  /** The bytes, with bits from each byte's lowest up, padded with zero bits. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    this.#bits.forEach((bit, at) => bytes[at >> 3]! |= bit << (at & 7));
    return bytes;
  }
}

/** Decodes the symbols of one segment; reads exactly the bytes that the encoder wrote. */
export class ArithmeticDecoder {
  #bytes: Uint8Array;
  #at = 0;
  #distance = 0;
  #width = 1;

  /** Starts at the first byte; bytes after the segment are not touched. */
  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes;
  }

  /** Appends bytes to those that are not yet read. */
  feed(bytes: Uint8Array): void {
    const read = this.#at >> 3;
    const joined = new Uint8Array(this.#bytes.length - read + bytes.length);
    joined.set(this.#bytes.subarray(read));
    joined.set(bytes, this.#bytes.length - read);
    this.#bytes = joined;
    this.#at &= 7;
  }

  /** Bytes of which no bit was read yet: after the last symbol, those after the segment. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(Math.ceil(this.#at / 8));
  }

  /** Whether the bits after the last symbol, up to the byte's end, are the encoder's zeros. */
  get paddedWithZeros(): boolean {
    return this.#at % 8 === 0 || this.#bytes[this.#at >> 3]! >> (this.#at & 7) === 0;
  }

  /**
   * Decodes a symbol.
   *
   * @throws {EcdcError} `truncated` if the bytes end, `desynchronised` if the value belongs to no symbol
   * of this distribution.
   */
  pull(cdf: Cdf): number {
    for (; this.#width < TOTAL; this.#width *= 2) this.#distance = this.#distance * 2 + this.#bit();
    const symbol = this.#find(cdf);
    const [low, high] = bounds(cdf, symbol, this.#width);
    this.#distance -= low;
    this.#width = high - low + 1;
    return symbol;
  }

  #bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) {
      throw new EcdcError("truncated", "Cannot decode the segment: its bits end too soon");
    }
    return byte >> (this.#at++ & 7) & 1;
  }

  /** Binary search for the symbol whose interval holds the distance. */
  #find(cdf: Cdf): number {
    let from = 0;
    for (let to = cdf.length - 1; from < to;) {
      const middle = (from + to) >> 1;
      if (this.#distance > bounds(cdf, middle, this.#width)[1]) from = middle + 1;
      else to = middle;
    }
    const [low, high] = bounds(cdf, from, this.#width);
    if (this.#distance >= low && this.#distance <= high) return from;
    throw new EcdcError(
      "desynchronised",
      "Cannot decode the segment: a value belongs to no symbol, so the language model's probabilities differ from the encoder's",
    );
  }
}
