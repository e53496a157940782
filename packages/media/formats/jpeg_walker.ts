/**
 * Where a JPEG ends: walks the segments by their lengths, so that a thumbnail inside EXIF does not
 * end the image, and the entropy-coded data by its markers (ITU-T T.81, annex B).
 *
 * @example The end of an image in a buffer that holds more
 * ```ts
 * import { JpegWalker } from "@vcs/media/internal";
 * import assert from "node:assert/strict";
 *
 * const bytes = Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 1, 2, 0xff, 0, 0xff, 0xd9, 13, 10);
 * const walker = new JpegWalker();
 * assert.equal(walker.walk(bytes), "end");
 * assert.equal(walker.offset, 12);
 * ```
 *
 * @module
 */

/**
 * How far a walk came: `more` bytes are needed, the image came to its `end`, another image
 * `restarted` inside it, or it is `broken`.
 */
export type WalkState = "more" | "end" | "restarted" | "broken";

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;

/** Whether a marker stands alone in entropy-coded data: stuffing, fill, restart, TEM. */
function isInScan(marker: number): boolean {
  return marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7) || marker === 1;
}

/** Finds the end of one JPEG in a growing buffer, without looking at any byte twice. */
export class JpegWalker {
  /** Next byte to look at; after `end` the length, after `restarted` where the other begins. */
  offset = 2;
  #inScan = false;
  #hasScan = false;
  #result: WalkState = "more";

  /** Whether the walk has come to entropy-coded data. */
  get hasScan(): boolean {
    return this.#hasScan;
  }

  /**
   * Goes on with the walk; once it is over, gives its result again.
   *
   * @param bytes all bytes so far, from the image's first (FF D8) on
   */
  walk(bytes: Uint8Array): WalkState {
    while (this.#result === "more" && this.offset + 2 <= bytes.length) {
      const state = this.#inScan ? this.#scan(bytes) : this.#segment(bytes);
      if (state === "more") break;
      this.#result = state ?? "more";
    }
    return this.#result;
  }

  /** Skips entropy-coded data up to the next marker. */
  #scan(bytes: Uint8Array): WalkState | undefined {
    const at = bytes.indexOf(0xff, this.offset);
    if (at < 0 || at + 1 >= bytes.length) {
      this.offset = at < 0 ? bytes.length : at;
      return "more";
    }
    this.offset = at;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) this.offset += 1;
    else if (isInScan(marker)) this.offset += 2;
    else this.#inScan = false;
    return undefined;
  }

  /** Skips one segment. */
  #segment(bytes: Uint8Array): WalkState | undefined {
    const marker = bytes[this.offset + 1]!;
    if (bytes[this.offset] !== 0xff || marker === 0) return "broken";
    if (marker === SOI) return "restarted";
    if (marker === EOI) {
      this.offset += 2;
      return "end";
    }
    if (isInScan(marker)) {
      this.offset += marker === 0xff ? 1 : 2;
      return undefined;
    }
    if (this.offset + 4 > bytes.length) return "more";
    const length = bytes[this.offset + 2]! * 256 + bytes[this.offset + 3]!;
    if (length < 2) return "broken";
    this.offset += 2 + length;
    this.#inScan = marker === SOS;
    this.#hasScan ||= this.#inScan;
    return undefined;
  }
}
