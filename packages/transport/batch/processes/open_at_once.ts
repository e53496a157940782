/**
 * Opens a work for as many items at once as processors and memory allow, in processes where it holds the
 * JavaScript thread.
 *
 * @module
 */
import { printable, say } from "../../command/terminal.ts";
import type { BatchWork } from "../batch.ts";
import { itemsAtOnce } from "./at_once.ts";
import { canStartProcesses, ItemProcesses } from "./item_processes.ts";

/** What a work is opened for. */
export interface AtOnceOptions {
  /** Module of the command, where items may have processes. */
  readonly main?: string;
  /** Options of the command. */
  readonly options: object;
  /** Items at once, where the command line says so. */
  readonly jobs: number | undefined;
  /** Ends the wait for the first process. */
  readonly signal: AbortSignal;
}

/** The work, with its number of items at once; closed with it. */
export async function openAtOnce(
  work: BatchWork,
  { main, options, jobs, signal }: AtOnceOptions,
): Promise<BatchWork> {
  const takesProcesses = main !== undefined && !work.sharesModel && canStartProcesses();
  const wished = takesProcesses ? navigator.hardwareConcurrency : work.jobs;
  const { items, note } = jobs === undefined
    ? itemsAtOnce(wished)
    : { items: jobs, note: undefined };
  if (note !== undefined) say(`note: ${note}`);
  if (!takesProcesses || items === 1) return { ...work, jobs: items };
  try {
    return await ItemProcesses.open(work, { main, options, count: items }, signal);
  } catch (error) {
    signal.throwIfAborted();
    say(printable(`note: all items in this process: ${(error as Error).message}`));
    return { ...work, jobs: jobs ?? work.jobs };
  }
}
