/**
 * Keeps the indices of files that were opened before, by path, size and time of modification.
 *
 * @module
 */

/** A map that forgets what was used longest ago. */
export class LruCache<V> {
  readonly #entries = new Map<string, V>();

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value of a key, which becomes the most recent. */
  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Keeps a value, and drops the oldest ones above the capacity. */
  set(key: string, value: V, capacity: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= capacity) break;
      this.#entries.delete(oldest);
    }
  }
}
