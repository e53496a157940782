/**
 * The k largest numbers, with PyTorch's choice among equal ones.
 *
 * `torch.topk` on a CPU leaves open which of equal numbers it takes, and takes those that the C++
 * library's selection happens to leave in front. Static and saturated frames are full of equal
 * scores, so reference mode repeats that selection, step by step: a heap where k is small beside
 * n (`k * 64 <= n`), else introselect with the median of three as pivot (GNU libstdc++,
 * `std::partial_sort` and `std::nth_element`).
 *
 * @module
 */

/** Numbers in the order that selection leaves them in, by index. */
class Selection {
  readonly #scores: Float32Array;
  readonly #order: Int32Array;

  constructor(scores: Float32Array) {
    this.#scores = scores;
    this.#order = Int32Array.from(scores, (_, i) => i);
  }

  /** The indices of the first k in their present order. */
  first(k: number): Int32Array {
    return this.#order.slice(0, k);
  }

  /** Whether the score at place a is greater than that at place b: greater ones come first. */
  #before(a: number, b: number): boolean {
    return this.#scores[this.#order[a]!]! > this.#scores[this.#order[b]!]!;
  }

  #swap(a: number, b: number): void {
    [this.#order[a], this.#order[b]] = [this.#order[b]!, this.#order[a]!];
  }

  /**
   * Brings the greatest of the places from first to last to the front, by a heap that ends at
   * middle and has the least of them as its root.
   */
  selectByHeap(first: number, middle: number, last: number): void {
    const length = middle - first;
    for (let parent = Math.floor((length - 2) / 2); parent >= 0; parent--) {
      this.#sink(first, parent, length, this.#order[first + parent]!);
    }
    for (let i = middle; i < last; i++) {
      if (!this.#before(i, first)) continue;
      const value = this.#order[i]!;
      this.#order[i] = this.#order[first]!;
      this.#sink(first, 0, length, value);
    }
  }

  /** Lets the hole sink to a leaf of the heap at base, then the value rise from there. */
  #sink(base: number, top: number, length: number, value: number): void {
    const heap = this.#order.subarray(base, base + length);
    let hole = top;
    while (2 * hole + 2 < length) {
      const right = 2 * hole + 2;
      const child = this.#before(base + right, base + right - 1) ? right - 1 : right;
      heap[hole] = heap[child]!;
      hole = child;
    }
    if (length % 2 === 0 && hole === (length - 2) / 2) {
      heap[hole] = heap[2 * hole + 1]!;
      hole = 2 * hole + 1;
    }
    const score = this.#scores[value]!;
    while (hole > top && this.#scores[heap[(hole - 1) >> 1]!]! > score) {
      heap[hole] = heap[(hole - 1) >> 1]!;
      hole = (hole - 1) >> 1;
    }
    heap[hole] = value;
  }

  /** Brings the k greatest into the first k places, by partitions around the k-th. */
  selectByPartition(k: number): void {
    const nth = k - 1;
    let first = 0;
    let last = this.#order.length;
    let depth = 2 * Math.floor(Math.log2(last));
    while (last - first > 3) {
      if (depth-- === 0) {
        this.selectByHeap(first, k, last);
        return this.#swap(first, nth);
      }
      const cut = this.#partition(first, last);
      if (cut <= nth) first = cut;
      else last = cut;
    }
    this.#insertionSort(first, last);
  }

  #partition(first: number, last: number): number {
    this.#medianToFirst(first, first + 1, first + ((last - first) >> 1), last - 1);
    let low = first + 1;
    let high = last;
    for (;;) {
      while (this.#before(low, first)) low++;
      high--;
      while (this.#before(first, high)) high--;
      if (low >= high) return low;
      this.#swap(low, high);
      low++;
    }
  }

  #medianToFirst(to: number, a: number, b: number, c: number): void {
    const [low, high] = this.#before(a, b) ? [a, b] : [b, a];
    const median = this.#before(high, c) ? high : this.#before(low, c) ? c : low;
    this.#swap(to, median);
  }

  #insertionSort(first: number, last: number): void {
    for (let i = first + 1; i < last; i++) {
      for (let j = i; j > first && this.#before(j, j - 1); j--) this.#swap(j, j - 1);
    }
  }
}

/**
 * Indices of the k greatest scores, in no particular order.
 *
 * @param scores numbers, none of them NaN
 * @param k how many, 0 to all
 */
export function referenceTopK(scores: Float32Array, k: number): Int32Array {
  const selection = new Selection(scores);
  if (k > 0 && k * 64 <= scores.length) selection.selectByHeap(0, k, scores.length);
  else if (k > 0) selection.selectByPartition(k);
  return selection.first(k);
}
