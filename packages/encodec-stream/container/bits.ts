/**
 * Codes as a little-endian bit stream: with ten bits a code, as all EnCodec models have, the first
 * one takes bits 0 to 9. Codes lie time-major: every codebook of a frame, then the next frame.
 *
 * @example Pack four codes
 * ```ts
 * import { packCodes, unpackCodes } from "@vcs/encodec-stream/internal";
 * import assert from "node:assert/strict";
 *
 * const bytes = packCodes(Uint16Array.of(1, 2, 3, 4));
 * assert.equal(bytes.toHex(), "0108300001");
 * assert.deepEqual(unpackCodes(bytes, 4), Uint16Array.of(1, 2, 3, 4));
 * ```
 *
 * @module
 */
import { modelSpec } from "../models.ts";

/** Bits of a code in every published model. */
const PUBLISHED_BITS = modelSpec("encodec_24khz").codeBits;

/**
 * Bytes of a number of codes, the last one padded with zero bits.
 *
 * @param codeBits bits of a code. Default: 10.
 */
export function packedBytes(codes: number, codeBits: number = PUBLISHED_BITS): number {
  return Math.ceil(codes * codeBits / 8);
}

/** Packs codes incrementally, keeping the bits that do not yet fill a byte. */
export class BitPacker {
  readonly #codeBits: number;
  #held = 0;
  #heldBits = 0;

  /**
   * Starts with no codes.
   *
   * @param codeBits bits of a code, at most 16. Default: 10.
   */
  constructor(codeBits: number = PUBLISHED_BITS) {
    this.#codeBits = codeBits;
  }

  /**
   * Adds codes and returns the bytes that became full.
   *
   * @throws {RangeError} if a code does not fit into its bits.
   */
  push(codes: Uint16Array): Uint8Array<ArrayBuffer> {
    const codeBits = this.#codeBits;
    const most = 2 ** codeBits - 1;
    const bits = this.#heldBits + codes.length * codeBits;
    const bytes = new Uint8Array(Math.floor(bits / 8));
    let held = this.#held;
    let heldBits = this.#heldBits;
    let at = 0;
    for (const code of codes) {
      if (code > most) {
        throw new RangeError(`Cannot pack codes: found ${code}, expected at most ${most}`);
      }
      held |= code << heldBits;
      for (heldBits += codeBits; heldBits >= 8; heldBits -= 8) {
        bytes[at++] = held & 0xff;
        held >>>= 8;
      }
    }
    this.#held = held;
    this.#heldBits = heldBits;
    return bytes;
  }

  /** Returns the last byte, padded with zero bits; empty if none was begun. */
  flush(): Uint8Array<ArrayBuffer> {
    const rest = this.#heldBits > 0 ? Uint8Array.of(this.#held) : new Uint8Array(0);
    this.#held = this.#heldBits = 0;
    return rest;
  }
}

/**
 * Packs codes that end on a byte boundary of their own, as each 48 kHz segment does.
 *
 * @param codeBits bits of a code, at most 16. Default: 10.
 * @throws {RangeError} if a code does not fit into its bits.
 */
export function packCodes(
  codes: Uint16Array,
  codeBits: number = PUBLISHED_BITS,
): Uint8Array<ArrayBuffer> {
  const packer = new BitPacker(codeBits);
  const full = packer.push(codes);
  const bytes = new Uint8Array(packedBytes(codes.length, codeBits));
  bytes.set(full);
  bytes.set(packer.flush(), full.length);
  return bytes;
}

/**
 * Unpacks codes.
 *
 * @param bytes where the codes lie; bytes past their end read as zero
 * @param count codes to unpack
 * @param bitOffset bits to skip first. Default: 0.
 * @param codeBits bits of a code, at most 16. Default: 10.
 */
export function unpackCodes(
  bytes: Uint8Array,
  count: number,
  bitOffset = 0,
  codeBits: number = PUBLISHED_BITS,
): Uint16Array {
  const codes = new Uint16Array(count);
  const mask = 2 ** codeBits - 1;
  for (let i = 0; i < count; i++) {
    const bit = bitOffset + i * codeBits;
    const at = Math.floor(bit / 8);
    const three = (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 | (bytes[at + 2] ?? 0) << 16;
    codes[i] = three >>> (bit % 8) & mask;
  }
  return codes;
}
