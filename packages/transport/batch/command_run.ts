/**
 * Runs the subcommand `batch`: progress, a line for each item, the exit code.
 *
 * @module
 */
import { ProgressLine } from "../command/progress.ts";
import { print, printable, say } from "../command/terminal.ts";
import { batch, type BatchOptions, type BatchWork } from "./batch.ts";
import type { BatchValues } from "./command.ts";
import { type ItemOptions, listItems } from "./items.ts";
import type { Manifest } from "./output/manifest.ts";
import type { BatchResult } from "./run.ts";
import { splitOf } from "./split.ts";
import { BatchTally } from "./summary.ts";

/** What a batch of a command works with. */
interface CommandBatch extends ItemOptions {
  /** Opens what makes records. */
  readonly open: () => Promise<BatchWork>;
  /** Operands. */
  readonly inputs: readonly string[];
  /** Ends the batch in order. */
  readonly signal: AbortSignal;
}

/** Runs a batch; gives the exit code, 1 where items failed. */
export async function runCommandBatch(
  values: BatchValues & { readonly output: string },
  { open, inputs, signal, ...options }: CommandBatch,
): Promise<number> {
  const { output } = values;
  const split = splitOf(values.shard);
  await using work = await open();
  const items = listItems(inputs, options);
  using progress = new Progress(values.json);
  void progress.count(inputs, options);
  const running = batch(work, { ...batchOptionsOf(values), items, output, split, signal });
  const manifest = await progress.follow(running);
  return progress.end(manifest, output);
}

function batchOptionsOf(
  { format, shardSize, maxFailures, retryFailed }: BatchValues,
): Omit<BatchOptions, "items" | "output"> {
  return {
    ...{ format, shardBytes: shardSize, retryFailed },
    ...(maxFailures !== undefined && { maxFailures }),
  };
}

/** Says how far a batch is, and what came of it. */
class Progress implements Disposable {
  readonly #tally = new BatchTally();
  readonly #line = new ProgressLine();
  readonly #json: boolean;
  readonly #ended = new AbortController();
  #total: number | undefined;

  constructor(json: boolean) {
    this.#json = json;
  }

  /** Counts the items, where somebody looks and they can be listed twice. */
  async count(inputs: readonly string[], options: ItemOptions): Promise<void> {
    const lists = [...inputs.filter((input) => input === "-"), ...options.lists ?? []];
    if (!Deno.stderr.isTerminal() || lists.includes("-")) return;
    let total = 0;
    try {
      for await (const _ of listItems(inputs, options)) {
        if (this.#ended.signal.aborted) return;
        total++;
      }
      this.#total = total;
    } catch {
      // What is wrong with an input is said by the batch itself.
    }
  }

  /** Follows a batch to its end. */
  async follow(
    results: AsyncGenerator<BatchResult, Manifest | undefined>,
  ): Promise<Manifest | undefined> {
    for (;;) {
      const next = await results.next();
      if (next.done) return next.value;
      this.#tally.add(next.value);
      this.#line.update(this.#tally.line(this.#total));
      if (this.#json) print(JSON.stringify(resultLine(next.value)));
    }
  }

  /** Says what came of the batch; gives the exit code. */
  end(manifest: Manifest | undefined, output: string): number {
    this[Symbol.dispose]();
    const { done, before, failed, failedBefore, repeated } = this.#tally;
    const faults = failed + failedBefore;
    const parts = [
      `${done} items done`,
      ...(before > 0 ? [`${before} done before`] : []),
      ...(repeated > 0 ? [`${repeated} with a key that came before, left out`] : []),
      ...(faults > 0 ? [`${faults} failed${kinds(manifest?.failures)}`] : []),
    ];
    const more = manifest ? "" : "; the same command goes on";
    say(printable(`${parts.join(", ")}: ${output}${more}`));
    if (this.#tally.reading) say(this.#tally.reading);
    // An interrupted batch is neither done nor failed: the process says 130.
    return manifest && faults > 0 ? 1 : 0;
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#line[Symbol.dispose]();
  }
}

function kinds(failures: Readonly<Record<string, number>> = {}): string {
  const words = Object.entries(failures).map(([code, count]) => `${code} ${count}`);
  return words.length > 0 ? ` (${words.join(", ")})` : "";
}

/** A result as a line: what is in a record is in the output. */
function resultLine(result: BatchResult): Record<string, unknown> {
  const { key, state } = result;
  if (state === "failed") return { key, state, ...result.failure };
  return state === "done" ? { key, state, ...result.record.fields } : { key, state };
}
