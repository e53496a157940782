/**
 * Running several asynchronous steps of a pipeline at once, in order.
 *
 * @module
 */

/** Checks that a value is a whole number from a minimum on. */
export function checkWhole(what: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new RangeError(
    `Cannot use ${what} ${value}: expected a whole number from ${least}`,
  );
}

/** A result of a source: an item, its end, or its failure. */
type Taken<T> = { item: T } | { end: true } | { error: unknown };

async function take<T>(iterator: AsyncIterator<T>): Promise<Taken<T>> {
  try {
    const { value, done } = await iterator.next();
    return done ? { end: true } : { item: value };
  } catch (error) {
    return { error };
  }
}

/**
 * Maps the items of a source, with several calls in flight at once; results come in order. If the
 * source fails, the results of the items before the failure are yielded first.
 *
 * @param source what to map; read no further ahead than the calls in flight
 * @param limit most calls in flight
 * @param fn the step
 */
export async function* mapOrdered<T, R>(
  source: AsyncIterable<T>,
  limit: number,
  fn: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const iterator = source[Symbol.asyncIterator]();
  const running: Promise<R>[] = [];
  let next: Promise<Taken<T>> | undefined;
  let last: Taken<T> | undefined;
  try {
    for (;;) {
      if (!last && running.length < limit) next ??= take(iterator);
      const [first] = running;
      if (first && await resultFirst(first, next)) yield await running.shift()!;
      else if (next) {
        const taken = await next;
        next = undefined;
        if ("item" in taken) running.push(started(fn(taken.item)));
        else last = taken;
      } else break;
    }
    if (last && "error" in last) throw last.error;
  } finally {
    await Promise.allSettled(running);
    // A source that is waiting for input ends its wait in its own time.
    if (!last) void iterator.return?.()?.catch(() => {});
  }
}

/** Runs so many calls at once; others wait, and have their turn in the order in which they came. */
export function atMost(most: number): <R>(run: () => Promise<R>) => Promise<R> {
  const waiting: (() => void)[] = [];
  let free = most;
  return async (run) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}

/** A promise whose failure is handled later. */
function started<R>(result: Promise<R>): Promise<R> {
  result.catch(() => {});
  return result;
}

/** Whether a result is there before the next item. */
async function resultFirst(result: Promise<unknown>, next?: Promise<unknown>): Promise<boolean> {
  if (!next) return true;
  const settled = result.then(() => true, () => true);
  return await Promise.race([settled, next.then(() => false)]);
}

/** Items of a source, read ahead. */
class ReadAhead<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #most: number;
  readonly #items: T[] = [];
  #reading: Promise<void> | undefined;
  #last: Taken<T> | undefined;

  constructor(source: AsyncIterable<T>, most: number) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#most = most;
  }

  /** Reads an item, and then goes on while there is room. */
  #read(): Promise<void> {
    return this.#reading ??= take(this.#iterator).then((taken) => {
      this.#reading = undefined;
      if ("item" in taken) this.#items.push(taken.item);
      else this.#last = taken;
      this.#readOn();
    });
  }

  #readOn(): void {
    if (!this.#last && this.#items.length < this.#most) void this.#read();
  }

  /** Waits for so many items, or for the end, and takes the first ones of one kind. */
  async takeAlike(least: number, kind: (item: T) => number): Promise<T[]> {
    while (this.#items.length < least && !this.#last) await this.#read();
    const other = this.#items.findIndex((item) => kind(item) !== kind(this.#items[0]!));
    const taken = this.#items.splice(0, other < 0 ? this.#items.length : other);
    this.#readOn();
    if (taken.length === 0 && this.#last && "error" in this.#last) throw this.#last.error;
    return taken;
  }

  close(): void {
    if (!this.#last) void this.#iterator.return?.()?.catch(() => {});
  }
}

/** Sizes of batches. */
export interface BatchSizes {
  /** Most items of a batch. */
  readonly most: number;
  /** Items that a batch waits for, unless the source ends. */
  readonly least: number;
}

/**
 * Gathers items into batches: as many as arrived while the batch before was processed. With `least` 1
 * the first batch is a single item, and a slow source is never waited for; a quick one fills every
 * later batch. Only neighbours of a kind share a batch. If the source fails, the items before the
 * failure are yielded first.
 *
 * @param source read ahead by one batch
 * @param kind batches hold items of one kind
 * @throws {RangeError} if a size is below 1.
 */
export async function* batches<T>(
  source: AsyncIterable<T>,
  { most, least }: BatchSizes,
  kind: (item: T) => number,
): AsyncGenerator<T[]> {
  checkWhole("batches of at most", most, 1);
  checkWhole("batches of at least", least, 1);
  const ahead = new ReadAhead(source, most);
  try {
    for (;;) {
      const batch = await ahead.takeAlike(least, kind);
      if (batch.length === 0) return;
      yield batch;
    }
  } finally {
    ahead.close();
  }
}

/** Yields items in order while the next one is already being made. */
export function oneAhead<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  return mapOrdered(source, 2, (item) => Promise.resolve(item));
}
