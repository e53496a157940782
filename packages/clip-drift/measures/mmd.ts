/**
 * Maximum mean discrepancy between two adjacent windows of embeddings (Gretton et al. 2012,
 * unbiased estimate, Gaussian kernel with the median distance as bandwidth).
 *
 * @module
 */

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}

/**
 * MMD² of two equally large sets of vectors; near 0 if both come from one distribution, and
 * then sometimes below it.
 */
export function mmdSquared(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  const n = a.length;
  const all = [...a, ...b];
  const size = all.length;
  const distances = new Float64Array(size * size);
  const pairs: number[] = [];
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      const d = squaredDistance(all[i]!, all[j]!);
      distances[i * size + j] = d;
      pairs.push(d);
    }
  }
  const bandwidth = pairs.sort((x, y) => x - y)[pairs.length >> 1]! || 1;
  let within = 0;
  let between = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      const k = Math.exp(-distances[i * size + j]! / (2 * bandwidth));
      if ((i < n) === (j < n)) within += k;
      // The unbiased estimate keeps all pairs between the sets.
      else between += k;
    }
  }
  return 2 * within / (n * (n - 1)) - 2 * between / (n * n);
}

/** MMD² between the last `window` embeddings and the `window` before, every quarter window. */
export class WindowedMmd {
  readonly #window: number;
  readonly #ring: Float32Array[] = [];
  #count = 0;
  #value: number | undefined;

  /** Starts with no embeddings. */
  constructor(window: number) {
    this.#window = window;
  }

  /** Takes an embedding; returns undefined until both windows are full. */
  push(embedding: Float32Array): number | undefined {
    this.#ring.push(embedding);
    if (this.#ring.length > 2 * this.#window) this.#ring.shift();
    const isTime = this.#count++ % Math.max(1, this.#window >> 2) === 0;
    if (this.#ring.length === 2 * this.#window && (isTime || this.#value === undefined)) {
      const half = this.#window;
      this.#value = mmdSquared(this.#ring.slice(0, half), this.#ring.slice(half));
    }
    return this.#value;
  }
}
