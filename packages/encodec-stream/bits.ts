/**
 * Ten-bit codes as a little-endian bit stream: the first code takes bits 0 to 9, bytes leave as soon
 * as they are full. Codes lie time-major: every codebook of a frame, then the next frame.
 *
 * @example Pack four codes
 * ```ts
 * import { packCodes, unpackCodes } from "@vcs/encodec-stream/bits";
 * import assert from "node:assert/strict";
 *
 * const bytes = packCodes(Uint16Array.of(1, 2, 3, 4));
 * assert.equal(bytes.toHex(), "0108300001");
 * assert.deepEqual(unpackCodes(bytes, 4), Uint16Array.of(1, 2, 3, 4));
 * ```
 *
 * @module
 */

/** Bits of one code. */
export const CODE_BITS = 10;

/** Bytes that a number of codes fill, the last one padded with zero bits. */
export function packedBytes(codes: number): number {
  return Math.ceil(codes * CODE_BITS / 8);
}

/** Packs codes piece by piece, keeping the bits that do not yet fill a byte. */
export class BitPacker {
  #held = 0;
  #heldBits = 0;

  /**
   * Adds codes and gives the bytes that became full.
   *
   * @throws {RangeError} where a code is above 1023.
   */
  push(codes: Uint16Array): Uint8Array<ArrayBuffer> {
    const bits = this.#heldBits + codes.length * CODE_BITS;
    const bytes = new Uint8Array(Math.floor(bits / 8));
    let held = this.#held;
    let heldBits = this.#heldBits;
    let at = 0;
    for (const code of codes) {
      if (code > 1023) {
        throw new RangeError(`Cannot pack codes: found ${code}, must be at most 1023`);
      }
      held |= code << heldBits;
      for (heldBits += CODE_BITS; heldBits >= 8; heldBits -= 8) {
        bytes[at++] = held & 0xff;
        held >>>= 8;
      }
    }
    this.#held = held;
    this.#heldBits = heldBits;
    return bytes;
  }

  /** Gives the last byte, padded with zero bits, or nothing where none is begun. */
  flush(): Uint8Array<ArrayBuffer> {
    const rest = this.#heldBits > 0 ? Uint8Array.of(this.#held) : new Uint8Array(0);
    this.#held = this.#heldBits = 0;
    return rest;
  }
}

/** Packs codes that end on a byte boundary of their own, as each 48 kHz segment does. */
export function packCodes(codes: Uint16Array): Uint8Array<ArrayBuffer> {
  const packer = new BitPacker();
  const full = packer.push(codes);
  const bytes = new Uint8Array(packedBytes(codes.length));
  bytes.set(full);
  bytes.set(packer.flush(), full.length);
  return bytes;
}

/**
 * Unpacks codes.
 *
 * @param bytes where the codes lie; bytes past their end read as zero
 * @param count codes to unpack
 * @param bitOffset bits to skip first
 */
export function unpackCodes(bytes: Uint8Array, count: number, bitOffset = 0): Uint16Array {
  const codes = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const bit = bitOffset + i * CODE_BITS;
    const at = Math.floor(bit / 8);
    const three = (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 | (bytes[at + 2] ?? 0) << 16;
    codes[i] = three >>> (bit % 8) & 1023;
  }
  return codes;
}
