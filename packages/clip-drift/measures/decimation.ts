/**
 * A curve of any length in a bounded number of points that keeps its peaks.
 *
 * @module
 */

/** Keeps the highest item of each stretch of equal length; stretches grow as items come. */
export class PeakDecimation<T> {
  /** The highest items, in the order in which they came. */
  readonly items: T[] = [];
  readonly #height: (item: T) => number;
  readonly #limit: number;
  #stretch = 1;
  #inLast = 0;

  /** Starts without items; keeps at most `limit`, and half as many once there were more. */
  constructor(limit: number, height: (item: T) => number) {
    this.#limit = limit;
    this.#height = height;
  }

  /** Takes the next item. */
  add(item: T): void {
    const { items } = this;
    if (items.length === 0 || this.#inLast === this.#stretch) {
      if (items.length >= this.#limit) this.#halve();
      items.push(item);
      this.#inLast = 1;
      return;
    }
    this.#inLast++;
    items.push(this.#higher(items.pop()!, item));
  }

  #higher(a: T, b: T): T {
    return this.#height(b) > this.#height(a) ? b : a;
  }

  /** Joins neighbours. */
  #halve(): void {
    const { items } = this;
    const pairs = Math.ceil(items.length / 2);
    for (let i = 0; i < pairs; i++) {
      const [a, b] = [items[2 * i]!, items[2 * i + 1]];
      items[i] = b === undefined ? a : this.#higher(a, b);
    }
    items.length = pairs;
    this.#stretch *= 2;
  }
}
