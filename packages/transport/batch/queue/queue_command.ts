/**
 * What `batch --queue` does: submit items, work on them, say how far it is, cancel.
 *
 * @module
 */
import { print, printable, say } from "../../command/terminal.ts";
import { UsageError } from "../../command/usage_error.ts";
import { longName } from "../../command/options.ts";
import { defined } from "../../io/defined.ts";
import type { BatchWork } from "../batch.ts";
import { type BatchValues, givenOptions } from "../command.ts";
import { type ItemOptions, listItems } from "../items.ts";
import { BatchProgress } from "../progress.ts";
import { type JobCounts, openQueue } from "./bull.ts";
import { absoluteItems } from "./absolute.ts";
import { submit } from "./submit.ts";
import { workOnQueue } from "./work.ts";

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

/** What is done at a word. */
interface Action {
  readonly run: (command: QueueCommand) => Promise<number>;
  /** Options that it takes, besides those that all take. */
  readonly takes: readonly (keyof BatchValues)[];
}

/** Options that all take. */
const OF_ALL: Action["takes"] = ["queue", "output", "format", "json"];

const ACTIONS: Readonly<Record<string, Action>> = {
  submit: {
    run: submitInputs,
    takes: ["include", "list", "group", "attempts", "retryFailed"],
  },
  work: { run: workUntilDone, takes: ["jobs", "maxFailures"] },
  status: { run: (command) => tell(command), takes: [] },
  cancel: { run: (command) => cancel(command), takes: [] },
};

/**
 * Does what the first word says; gives the exit code.
 *
 * @throws {UsageError} where it is none that is known, or has options that it does not take.
 */
export async function runQueueCommand(command: QueueCommand): Promise<number> {
  const [word = ""] = command.words;
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
  if (action !== undefined && (word === "submit" || command.words.length === 1)) {
    refuseOthers(word, command.values, [...OF_ALL, ...action.takes]);
    return await action.run(command);
  }
  const found = command.words.slice(0, 2).join(" ") || "nothing";
  throw new UsageError(
    `Cannot use --queue: found ${printable(found)}, expected submit INPUT…, work, status or cancel`,
  );
}

/** Refuses options that would do nothing, and says what takes them. */
function refuseOthers(word: string, values: BatchValues, takes: Action["takes"]): void {
  const found = givenOptions(values).find((key) => !takes.some((taken) => taken === key));
  if (found === undefined) return;
  const other = Object.keys(ACTIONS).find((name) => ACTIONS[name]!.takes.some((k) => k === found));
  const expected = other === undefined ? "it without --queue" : `it with batch ${other}`;
  throw new UsageError(
    `Cannot ${word} with --queue: found --${longName(found)}, expected ${expected}`,
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
  const output = outputOf(command);
  const { format, maxFailures } = values;
  await using work = await open();
  using progress = new BatchProgress(values.json);
  const onLook = (left: number) => progress.look(left);
  const onWait = ({ message }: Error) => say(printable(`waiting for the queue: ${message}`));
  const options = { output, queue, format, onLook, onWait, signal, ...defined({ maxFailures }) };
  for await (const result of workOnQueue(work, options)) progress.add(result);
  return progress.end(output, { isWhole: !signal.aborted });
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
