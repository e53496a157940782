/**
 * The inside of an item's process: makes the records of one item after the other for the process
 * that started it, until that closes its standard input or is gone.
 *
 * @module
 */
import { writeAll } from "../../io/write_all.ts";
import type { BatchWork } from "../batch.ts";
import { lines } from "../items.ts";
import { type BatchItem, failureOf } from "../record.ts";
import { type Answer, answerBytes } from "./answers.ts";

/**
 * Works on the items of standard input, whose first line is the options, and how many processes
 * there are. Ctrl-C in a terminal reaches this process, too: it is the other one that says when it is
 * over.
 */
export async function serveItems<O>(
  open: (options: O, signal: AbortSignal, processes: number) => Promise<BatchWork>,
): Promise<void> {
  const input = lines(Deno.stdin.readable)[Symbol.asyncIterator]();
  const stop = new AbortController();
  const first = await input.next();
  if (first.done) return;
  const { options, count } = JSON.parse(first.value);
  await using work = await open(options, stop.signal, count);
  await tell({ ready: true });
  for (let next = await input.next(); !next.done;) {
    const item: BatchItem = JSON.parse(next.value);
    const later = input.next();
    void later.then(({ done }) => done && stop.abort());
    await tell(await answerTo(item, work, stop.signal));
    next = await later;
  }
}

async function tell(answer: Answer): Promise<void> {
  await writeAll(Deno.stdout, answerBytes(answer));
}

async function answerTo(item: BatchItem, work: BatchWork, signal: AbortSignal): Promise<Answer> {
  try {
    return { record: await work.run(item, signal) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}
