/**
 * Order statistics of many numbers without sorting them.
 *
 * @module
 */

/**
 * The number at a share of the way from the least to the greatest: of n numbers, the one of rank
 * `round(share * (n - 1))`. Two counting passes over the numbers' bits, which for floats of zero
 * or more are in the order of the numbers.
 *
 * @param values float32 numbers of zero or more
 * @param share 0 for the least, 1 for the greatest
 */
export function percentile(values: Float32Array, share: number): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rank = Math.round(share * (values.length - 1));
  const counts = new Uint32Array(65536);
  for (let i = 0; i < bits.length; i++) counts[bits[i]! >>> 16]!++;
  const [high, below] = bucketOf(counts, rank);
  counts.fill(0);
  for (let i = 0; i < bits.length; i++) {
    if (bits[i]! >>> 16 === high) counts[bits[i]! & 0xffff]!++;
  }
  const [low] = bucketOf(counts, rank - below);
  return new Float32Array(Uint32Array.of((high << 16) | low).buffer)[0]!;
}

/** The bucket that holds a rank, and how many lie in the buckets before it. */
function bucketOf(counts: Uint32Array, rank: number): [bucket: number, below: number] {
  let below = 0;
  let bucket = 0;
  while (below + counts[bucket]! <= rank) below += counts[bucket++]!;
  return [bucket, below];
}
