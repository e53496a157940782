/**
 * A set of keys that takes 32 to 64 bytes a key, however long keys are: their digests. Two keys of a
 * million million have the same one with a chance of one in 10^14.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Numbers of a digest that are kept. */
const WORDS = 4;

/** A set of keys, to which some can be added. */
export class KeySet {
  #table = new Uint32Array(WORDS * 1024);
  #size = 0;

  /** Keys in it. */
  get size(): number {
    return this.#size;
  }

  /** Whether a key is in it. */
  has(key: string): boolean {
    return !isEmpty(this.#table, placeOf(this.#table, digestOf(key)));
  }

  /** Adds a key; false where it is in it already. */
  add(key: string): boolean {
    const digest = digestOf(key);
    const place = placeOf(this.#table, digest);
    if (!isEmpty(this.#table, place)) return false;
    this.#table.set(digest, place);
    // A table that is more than half full takes long to search.
    if (++this.#size * WORDS * 2 > this.#table.length) this.#grow();
    return true;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += WORDS) {
      const digest = old.subarray(at, at + WORDS);
      if (!isEmpty(old, at)) this.#table.set(digest, placeOf(this.#table, digest));
    }
  }
}

function digestOf(key: string): Uint32Array {
  const bytes = createHash("sha256").update(key).digest();
  const words = Uint32Array.from({ length: WORDS }, (_, i) => bytes.readUInt32LE(4 * i));
  // Zeros stand for nothing.
  words[WORDS - 1]! |= 1;
  return words;
}

function isEmpty(table: Uint32Array, place: number): boolean {
  return table[place + WORDS - 1] === 0;
}

/** Where a digest is in a table, or where it would be. */
function placeOf(table: Uint32Array, digest: Uint32Array): number {
  const places = table.length / WORDS;
  let place = digest[0]! % places;
  const isOther = () => digest.some((word, i) => table[place * WORDS + i] !== word);
  while (!isEmpty(table, place * WORDS) && isOther()) place = (place + 1) % places;
  return place * WORDS;
}
