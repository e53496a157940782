/**
 * Seeded random numbers and byte mutations for property and fuzz tests: the same seed gives the
 * same cases, so that a failure can be run again.
 *
 * @module
 */

/** A generator of numbers in [0, 1) (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Damaged copies of some good bytes: flipped, cut, repeated, overwritten with extreme values. */
export function* mutations(good: Uint8Array, count: number, seed = 1): Generator<Uint8Array> {
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const edits: ((bytes: Uint8Array) => Uint8Array)[] = [
    (b) => (b[below(b.length)]! ^= 1 << below(8), b),
    (b) => (b[below(b.length)] = [0, 1, 0x7f, 0x80, 0xff][below(5)]!, b),
    (b) => b.slice(0, below(b.length + 1)),
    (b) => {
      const at = below(b.length);
      b.fill(below(2) * 255, at, at + 1 + below(8));
      return b;
    },
    (b) => {
      const from = below(b.length);
      b.copyWithin(below(b.length), from, from + 1 + below(64));
      return b;
    },
    (b) => {
      const longer = new Uint8Array(b.length + 1 + below(32));
      longer.set(b);
      return longer;
    },
  ];
  for (let i = 0; i < count; i++) {
    let bytes: Uint8Array = good.slice();
    for (let n = 1 + below(4); n > 0 && bytes.length > 0; n--) {
      bytes = edits[below(edits.length)]!(bytes);
    }
    yield bytes;
  }
}
