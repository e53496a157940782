/**
 * A mailbox with one slot: a slow reader always gets the newest item, and never a backlog.
 *
 * @example A reader that takes every item as late as it likes
 * ```ts
 * import { newest } from "@vcs/clip-drift/newest";
 * import assert from "node:assert/strict";
 *
 * let dropped = 0;
 * const items = newest(async function* () {
 *   yield* [1, 2, 3];
 * }, { onDrop: () => dropped++ });
 * assert.deepEqual(await Array.fromAsync(items), [3]);
 * assert.equal(dropped, 2);
 * ```
 *
 * @module
 */

/** How a mailbox behaves. */
export interface NewestOptions<T> {
  /** Ends the reading. */
  readonly signal?: AbortSignal;
  /** Called with every item that was replaced before anybody took it. */
  readonly onDrop?: (item: T) => void;
}

/** The slot, and who waits for it. */
class Slot<T> {
  item: T | undefined;
  ended = false;
  error: unknown;
  #wake = () => {};

  change(): void {
    this.#wake();
  }

  /** Waits until an item is there or the source has ended. */
  async filled(): Promise<void> {
    while (this.item === undefined && !this.ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/** Puts every item into the slot until the source ends. */
async function fill<T>(
  slot: Slot<T>,
  source: AsyncIterable<T>,
  onDrop: (item: T) => void,
): Promise<void> {
  try {
    for await (const item of source) {
      if (slot.item !== undefined) onDrop(slot.item);
      slot.item = item;
      slot.change();
    }
  } catch (error) {
    slot.error = error;
  } finally {
    slot.ended = true;
    slot.change();
  }
}

/**
 * Reads a source as fast as it gives, and hands on only the newest item each time the reader asks.
 * The last item is always handed on.
 *
 * @param open opens the source; its signal is aborted when the reader stops
 * @throws what the source throws, after the items before it
 */
export async function* newest<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  options: NewestOptions<T> = {},
): AsyncGenerator<T> {
  const stop = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const slot = new Slot<T>();
  const source = open(AbortSignal.any([stop.signal, ...signals]));
  const filling = fill(slot, source, options.onDrop ?? (() => {}));
  try {
    for (;;) {
      await slot.filled();
      const { item } = slot;
      if (item === undefined) break;
      slot.item = undefined;
      yield item;
    }
  } finally {
    stop.abort();
    await filling;
  }
  if (slot.error !== undefined) throw slot.error;
}
