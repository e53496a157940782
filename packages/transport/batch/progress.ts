/**
 * What a batch says while it runs and at its end, also one by a queue: a line of progress, a line of
 * JSON for each item, a summary.
 *
 * @module
 */
import { ProgressLine } from "../command/progress.ts";
import { print, printable, say } from "../command/terminal.ts";
import { type ItemOptions, listItems } from "./items.ts";
import { BatchTally, JobsLeft, kindsText, receivedText, type Told } from "./summary.ts";

/** Says how far a batch is, and what came of it. */
export class BatchProgress implements Disposable {
  readonly #tally = new BatchTally();
  readonly #left = new JobsLeft();
  readonly #line = new ProgressLine();
  readonly #json: boolean;
  readonly #ended = new AbortController();
  #total: number | undefined;

  /** Begins to measure. */
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

  /** Says what became of an item. */
  add(result: Told): void {
    this.#tally.add(result);
    this.#update();
    if (this.#json) print(JSON.stringify(resultLine(result)));
  }

  /** Says how many jobs a queue has left. */
  look(jobsLeft: number): void {
    this.#left.note(jobsLeft);
    this.#update();
  }

  #update(): void {
    const line = this.#tally.line(this.#total);
    this.#line.update([line, this.#left.text].filter((text) => text !== "").join(", "));
  }

  /**
   * Says what came of the batch; gives the exit code.
   *
   * @param isWhole whether it came to its end
   * @param failures how many items failed, by code. Default: those of this run.
   */
  end(
    output: string,
    { isWhole, failures = this.#tally.kinds }: {
      readonly isWhole: boolean;
      readonly failures?: Readonly<Record<string, number>>;
    },
  ): number {
    this[Symbol.dispose]();
    const { done, before, failed, failedBefore, repeated, received } = this.#tally;
    const faults = failed + failedBefore;
    const parts = [
      `${done} items done`,
      ...(before > 0 ? [`${before} done before`] : []),
      ...(repeated > 0 ? [`${repeated} with a key that came before, left out`] : []),
      ...(faults > 0 ? [`${faults} failed${kindsText(failures)}`] : []),
    ];
    const more = isWhole ? "" : "; the same command goes on";
    say(printable(`${parts.join(", ")}: ${output}${more}`));
    if (received.of > 0) say(receivedText(received));
    // An interrupted batch is neither done nor failed: the process says 130.
    return isWhole && faults > 0 ? 1 : 0;
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#line[Symbol.dispose]();
  }
}

/** A result as a line: what is in a record is in the output. */
function resultLine(result: Told): Record<string, unknown> {
  const { key, state } = result;
  if (state === "failed") return { key, state, ...result.failure };
  return state === "done" ? { key, state, ...result.record.fields } : { key, state };
}
