/**
 * Running several asynchronous steps of a pipeline at once while the order is kept.
 *
 * @module
 */

/** What a source gave: an item, its end, or its failure. */
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
 * Maps the items of a source, with several calls under way at once; results come in order. Where the
 * source fails, the results of the items before the failure are given first.
 *
 * @param source what to map; read no further ahead than the calls under way
 * @param limit most calls under way
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

/** A promise whose failure is looked at later. */
function started<R>(result: Promise<R>): Promise<R> {
  result.catch(() => {});
  return result;
}

/** Whether a result comes before the next item does. */
async function resultFirst(result: Promise<unknown>, next?: Promise<unknown>): Promise<boolean> {
  if (!next) return true;
  const settled = result.then(() => true, () => true);
  return await Promise.race([settled, next.then(() => false)]);
}

/**
 * Cuts a sequence into batches that grow from one, so that the first result comes soon: 1, 1, 2, 4
 * and so on up to the limit. Only neighbours of a kind share a batch. Where the source fails, the
 * batch before the failure is given first.
 *
 * @param limit largest batch
 * @param kind batches hold items of one kind
 * @param atOnce whether the first batch may be full already
 */
export async function* growingBatches<T>(
  source: AsyncIterable<T>,
  limit: number,
  kind: (item: T) => number,
  atOnce = false,
): AsyncGenerator<T[]> {
  let batch: T[] = [];
  let given = atOnce ? limit : 0;
  try {
    for await (const item of source) {
      if (batch.length > 0 && kind(batch[0]!) !== kind(item)) {
        yield batch;
        batch = [];
      }
      batch.push(item);
      if (batch.length < Math.min(limit, Math.max(1, given))) continue;
      given += batch.length;
      yield batch;
      batch = [];
    }
  } catch (error) {
    if (batch.length > 0) yield batch;
    throw error;
  }
  if (batch.length > 0) yield batch;
}
