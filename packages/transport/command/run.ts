/**
 * Runs a command as a process: exit codes (0 done, 1 failed, 2 wrong usage, 130 interrupted and
 * closed in order), errors as one line, and a quiet end when the reader of a pipe goes away.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import type { Command } from "./command.ts";
import { environment } from "./environment.ts";
import { processInterrupts } from "./signals.ts";
import { isClosedPipe, printable, say } from "./terminal.ts";
import { UsageError } from "./usage_error.ts";

/** What went wrong first, where closing what was open then failed, too. */
function firstError(error: unknown): unknown {
  return error instanceof SuppressedError ? firstError(error.suppressed) : error;
}

/** Lines of an error as one. */
export function errorLine(thrown: unknown): string {
  const error = firstError(thrown);
  const text = error instanceof Error ? error.message || error.name : String(error);
  return printable(text.trim().replace(/\s*\n\s*/g, " "));
}

/** Whether an error, or what lies behind it, is that a part could not be fetched. */
function isPartMissing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error instanceof TransportError && error.code === "part-missing" ||
    isPartMissing(error.cause);
}

/** Exit code of an error, after printing what went wrong. */
function report(command: string, error: unknown): number {
  if (isClosedPipe(error)) return 0;
  say(`${command}: ${errorLine(error)}`);
  if (error instanceof UsageError) {
    say(`See ${error.command ?? command} --help`);
    return 2;
  }
  if (isPartMissing(error)) say(`With a network, ${command} setup fetches all that it can need`);
  if (error instanceof Error && environment.get("VCS_DEBUG")) say(error.stack ?? "");
  return 1;
}

/** Exit code of an error, which may only be that the signal was followed. */
function codeOf(command: string, thrown: unknown, signal: AbortSignal): number {
  const error = firstError(thrown);
  const isInterruption = signal.aborted && error instanceof Error && error.name === "AbortError";
  return isInterruption ? 130 : report(command, error);
}

/**
 * The exit code of a command's work.
 *
 * @param command name to put before messages
 * @param work what to do; returns an exit code, or nothing for 0
 * @param signal aborted by an interrupt: what then ends in order has 130
 */
export async function exitCode(
  command: string,
  work: () => Promise<number | void>,
  signal: AbortSignal,
): Promise<number> {
  try {
    const code = await work() ?? 0;
    return code === 0 && signal.aborted ? 130 : code;
  } catch (error) {
    return codeOf(command, error, signal);
  }
}

/** Ends the process in the same way where an error escapes the work, in a callback of the runtime. */
function endAtStrayErrors(command: string, signal: AbortSignal): void {
  const end = (error: unknown) => Deno.exit(codeOf(command, error, signal));
  addEventListener("error", (event) => end(event.error));
  addEventListener("unhandledrejection", (event) => end(event.reason));
}

/**
 * Runs a command's main function and ends the process with its exit code. The first Ctrl-C aborts
 * the signal, so that the command can finish what it holds; a later one ends the process at once.
 *
 * @param command name to put before messages
 * @param main what to do; returns an exit code, or nothing for 0
 */
export async function runMain(
  command: string,
  main: (args: string[], signal: AbortSignal) => Promise<number | void>,
): Promise<never> {
  const { signal } = processInterrupts();
  endAtStrayErrors(command, signal);
  Deno.exit(await exitCode(command, () => main(Deno.args, signal), signal));
}

/** Runs a command on the process's arguments and ends the process with its exit code. */
export async function runCommand(command: Command): Promise<never> {
  return await runMain(command.name, (args, signal) => command.invoke(args, { signal }));
}
