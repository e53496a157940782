/**
 * Runs the subcommands `batch`, where there is no queue, and `merge`.
 *
 * @module
 */
import { ProgressLine } from "../command/progress.ts";
import { printable, say } from "../command/terminal.ts";
import { systemClock } from "../flow/clock.ts";
import { batch, type BatchOptions, type BatchWork } from "./batch.ts";
import type { BatchValues } from "./command.ts";
import { type ItemOptions, listItems } from "./items.ts";
import { mergeManifests } from "./output/manifest.ts";
import type { MergeOptions } from "./output/prove_files.ts";
import { openStore } from "./output/stores.ts";
import { BatchProgress } from "./progress.ts";
import { mergeJobs } from "./queue/merge.ts";
import { splitOf } from "./split.ts";
import { kindsText, ratedText, receivedText } from "./summary.ts";

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
  using progress = new BatchProgress(values.json);
  void progress.count(inputs, options);
  const running = batch(work, { ...batchOptionsOf(values), items, output, split, signal });
  for (;;) {
    const next = await running.next();
    if (!next.done) progress.add(next.value);
    else return progress.end(output, { isWhole: next.value !== undefined, ...next.value });
  }
}

function batchOptionsOf(
  { format, shardSize, maxFailures, retryFailed }: BatchValues,
): Omit<BatchOptions, "items" | "output"> {
  return {
    ...{ format, shardBytes: shardSize, retryFailed },
    ...(maxFailures !== undefined && { maxFailures }),
  };
}

/** Merges the parts of an output, or what a queue made; gives the exit code, 1 where items failed. */
export async function runMerge(
  output: string,
  options: Pick<MergeOptions, "verify" | "signal">,
): Promise<number> {
  const store = await openStore(output);
  using line = new ProgressLine();
  const { now } = systemClock;
  const begins = { jobs: now(), files: 0 };
  const onProgress: MergeOptions["onProgress"] = (done, total, what) => {
    if (done === 1) begins[what] = now();
    const rate = done / Math.max(1e-3, (now() - begins[what]) / 1000);
    line.update(ratedText({ done, total, what, rate }));
  };
  const how = { ...options, onProgress };
  const { counts, files, failures, received } = await mergeJobs(store, how) ??
    await mergeManifests(store, how);
  line[Symbol.dispose]();
  const records = `${counts.records} records in ${files.length} files`;
  say(printable(`${records}, ${counts.failed} failed${kindsText(failures)}: ${output}`));
  if (received) say(receivedText(received));
  return counts.failed > 0 ? 1 : 0;
}
