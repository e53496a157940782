/**
 * The runner of batches: items in, records out, each once, whatever ends the process in between.
 *
 * @module
 */
import { untilAborted } from "../flow/abort.ts";
import { KeySet } from "./key_set.ts";
import { atMost, mapOrdered } from "./ordered.ts";
import type { Failures } from "./failures.ts";
import { type BatchItem, type BatchRecord, failureOf, type ItemFailure } from "./record.ts";
import type { BatchOutput } from "./output/shards.ts";

/** What became of an item; of one that was done before there is nothing more to say. */
export type BatchResult =
  | { readonly key: string; readonly state: "done"; readonly record: BatchRecord }
  | { readonly key: string; readonly state: "failed"; readonly failure: ItemFailure }
  | { readonly key: string; readonly state: "before" | "failed-before" | "repeated" };

/** How a batch runs. */
export interface RunOptions {
  /** What to work on. */
  readonly items: AsyncIterable<BatchItem>;
  /** Makes the record of an item. */
  readonly work: (item: BatchItem, signal: AbortSignal) => Promise<BatchRecord>;
  /** Where records go. */
  readonly output: BatchOutput;
  /** Where failures go. */
  readonly failures: Failures;
  /** Items at once. */
  readonly jobs: number;
  /** Ends the batch in order: what is under way is left, what is done is kept. */
  readonly signal: AbortSignal;
}

/** Items that are taken for each that is worked on: one that takes long does not hold up the others. */
const AHEAD = 4;

/** An item that need not be worked on, or what came of it. */
type Outcome = BatchResult | undefined;

/**
 * Works on all items and keeps their records, in the order of the items. Ends early where the signal
 * is aborted; the output is then as it is after a kill, and the next run goes on.
 */
export async function* runBatch(options: RunOptions): AsyncGenerator<BatchResult> {
  const { items, output, failures, jobs, signal } = options;
  const [before, seen] = [new KeySet(), new KeySet()];
  for await (const key of output.keys()) before.add(key);
  const skipped = ({ key }: BatchItem): BatchResult | undefined => {
    if (!seen.add(key)) return { key, state: "repeated" };
    if (before.has(key)) return { key, state: "before" };
    return failures.keys.has(key) ? { key, state: "failed-before" } : undefined;
  };
  const inTurn = atMost(jobs);
  const left = new AbortController();
  const over = AbortSignal.any([signal, left.signal]);
  const tries = { ...options, signal: over };
  const step = async (item: BatchItem): Promise<Outcome> =>
    skipped(item) ?? await inTurn(async () => over.aborted ? undefined : await tried(item, tries));
  for await (const result of mapOrdered(untilAborted(items, signal), AHEAD * jobs, step)) {
    if (result === undefined) continue;
    // Where nobody goes on, what is under way ends, and what waits for its turn is not begun.
    using leaving = new DisposableStack();
    leaving.defer(() => left.abort());
    if (result.state === "done") await output.write(result.key, result.record);
    if (result.state === "failed") await failures.add({ key: result.key, ...result.failure });
    yield result;
    leaving.move();
  }
}

/** What comes of an item; nothing where the batch is ended while it is worked on. */
async function tried(item: BatchItem, { work, signal }: RunOptions): Promise<Outcome> {
  const { key } = item;
  try {
    return { key, state: "done", record: await work(item, signal) };
  } catch (error) {
    return signal.aborted ? undefined : { key, state: "failed", failure: failureOf(error) };
  }
}
