/**
 * What `batch --queue` does: submit items, work on them, say how far it is, cancel.
 *
 * @module
 */
import { print, printable, say } from "../../command/terminal.ts";
import { UsageError } from "../../command/usage_error.ts";
import { ProgressLine } from "../../command/progress.ts";
import type { BatchWork } from "../batch.ts";
import type { BatchValues } from "../command.ts";
import { type ItemOptions, listItems } from "../items.ts";
import { BatchTally } from "../summary.ts";
import { type JobCounts, openQueue } from "./bull.ts";
import { absoluteItems } from "./absolute.ts";
import { submit } from "./submit.ts";
import { type QueueResult, workOnQueue } from "./work.ts";

/** Items of a job whose records are in a shard. */
const GROUP = 256;

/** What a command of a queue gets. */
export interface QueueCommand extends ItemOptions {
  /** Its operands: what to do, then inputs. */
  readonly words: readonly string[];
  /** Where jobs are. */
  readonly queue: string;
  /** Values of the options. */
  readonly values: BatchValues;
  /** Opens what makes records. */
  readonly open: () => Promise<BatchWork>;
  /** Ends it in order. */
  readonly signal: AbortSignal;
}

const ACTIONS: Readonly<Record<string, (command: QueueCommand) => Promise<number>>> = {
  submit: submitInputs,
  work: workUntilDone,
  status: (command) => tell(command),
  cancel: (command) => cancel(command),
};

/**
 * Does what the first word says; gives the exit code.
 *
 * @throws {UsageError} where it is none that is known.
 */
export async function runQueueCommand(command: QueueCommand): Promise<number> {
  const [word = ""] = command.words;
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
  const takesInputs = action === submitInputs;
  if (action !== undefined && (takesInputs || command.words.length === 1)) {
    return await action(command);
  }
  const found = command.words.slice(0, 2).join(" ") || "nothing";
  throw new UsageError(
    `Cannot use --queue: found ${printable(found)}, expected submit INPUT…, work, status or cancel`,
  );
}

function outputOf({ values: { output } }: QueueCommand): string {
  if (output !== undefined) return output;
  throw new UsageError("Cannot use --queue: expected -o OUTPUT");
}

async function submitInputs(command: QueueCommand): Promise<number> {
  const { words, values, queue, signal } = command;
  const inputs = words.slice(1);
  if (inputs.length + (command.lists ?? []).length === 0) {
    throw new UsageError("Cannot submit: found no input, expected files, folders or a list");
  }
  const { format, attempts, retryFailed, group = format === "files" ? 1 : GROUP } = values;
  const items = absoluteItems(listItems(inputs, command));
  const settings = { format, attempts, retryFailed, group, queue, signal };
  const submitted = await submit({ ...settings, items, output: outputOf(command) });
  if (values.json) print(JSON.stringify(submitted));
  say(printable(`${submitted.items} new items; ${submitted.jobs} jobs to do: ${values.output}`));
  return 0;
}

async function workUntilDone(command: QueueCommand): Promise<number> {
  const { values, queue, signal, open } = command;
  const [output, tally] = [outputOf(command), new BatchTally()];
  await using work = await open();
  using line = new ProgressLine();
  for await (const result of workOnQueue(work, { output, queue, format: values.format, signal })) {
    tally.add(result);
    line.update(tally.line(undefined));
    if (values.json) print(JSON.stringify(lineOf(result)));
  }
  line[Symbol.dispose]();
  const { done, failed } = tally;
  say(printable(`${done} items done${failed > 0 ? `, ${failed} failed` : ""}: ${output}`));
  return failed > 0 ? 1 : 0;
}

function lineOf(result: QueueResult): object {
  const { key, state } = result;
  return { key, state, ...(result.state === "done" ? result.fields : result.failure) };
}

const STATES = ["waiting", "active", "delayed", "completed", "failed"] as const;

async function tell({ queue, values }: QueueCommand): Promise<number> {
  await using open = await openQueue(queue);
  const counts: JobCounts = await open.queue.getJobCounts(...STATES);
  const workers = await open.queue.getWorkersCount();
  if (values.json) print(JSON.stringify({ ...counts, workers }));
  else print(statusLine(counts, workers));
  return 0;
}

function statusLine(counts: JobCounts, workers: number): string {
  const { waiting, active, delayed, completed, failed } = counts;
  const total = waiting + active + delayed + completed + failed;
  const more = delayed > 0 ? `, ${delayed} to be tried again` : "";
  return `${completed} of ${total} jobs done, ${failed} failed, ${active} at work on ` +
    `${workers} workers, ${waiting} waiting${more}`;
}

async function cancel({ queue }: QueueCommand): Promise<number> {
  await using open = await openQueue(queue);
  const { waiting, active, delayed } = await open.queue.getJobCounts(...STATES);
  await open.queue.drain(true);
  const rest = active > 0 ? `; ${active} at work are finished` : "";
  say(`${waiting + delayed} jobs taken back${rest}`);
  return 0;
}
