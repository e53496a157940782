/**
 * Manners that all @vcs commands share: exit codes (0 done, 1 failed, 2 wrong usage), data on
 * stdout and everything human on stderr, a quiet end when the reader of a pipe goes away, and
 * Ctrl-C as an AbortSignal.
 *
 * @module
 */
import process from "node:process";

/** Wrong use of a command: ends it with exit code 2 and a hint at `--help`. */
export class UsageError extends Error {
  /** Name of the class. */
  override name = "UsageError";
}

/** Whether an error says that the reader of our output has gone. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    (error instanceof Error && "code" in error && error.code === "EPIPE");
}

type Output = { writeSync(bytes: Uint8Array): number };

function writeLine(output: Output, line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) at += output.writeSync(bytes.subarray(at));
}

/** Writes a line for people, to stderr. */
export function say(line: string): void {
  writeLine(Deno.stderr, line);
}

/** Writes a line of data, to stdout. */
export function print(line: string): void {
  writeLine(Deno.stdout, line);
}

/** Exit code of an error, after telling the person what went wrong. */
function report(command: string, error: unknown): number {
  if (isClosedPipe(error)) return 0;
  if (error instanceof UsageError) {
    say(`${command}: ${error.message}\nSee ${command} --help`);
    return 2;
  }
  say(`${command}: ${error instanceof Error ? error.message : error}`);
  if (error instanceof Error && Deno.env.get("VCS_DEBUG")) say(error.stack ?? "");
  return 1;
}

/**
 * Runs a command's main function and ends the process with its exit code. The first Ctrl-C
 * aborts the signal, so that the command can finish what it holds; the second ends the process
 * with code 130.
 *
 * @param command name to put before messages
 * @param main what to do; returns an exit code, or nothing for 0
 */
export async function runMain(
  command: string,
  main: (args: string[], signal: AbortSignal) => Promise<number | void>,
): Promise<never> {
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) Deno.exit(130);
    abort.abort(new DOMException("Interrupted", "AbortError"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  let code: number;
  try {
    code = await main(Deno.args, abort.signal) ?? 0;
  } catch (error) {
    const interrupted = abort.signal.aborted && error === abort.signal.reason;
    code = interrupted ? 130 : report(command, error);
  }
  Deno.exit(code);
}

/** A status line on stderr that rewrites itself; silent where stderr is not a terminal. */
export class ProgressLine implements Disposable {
  readonly #enabled = Deno.stderr.isTerminal();
  #shownAt = 0;
  #shown = false;

  /** Shows a text, at most ten times a second. */
  update(text: string): void {
    const now = performance.now();
    if (!this.#enabled || now - this.#shownAt < 100) return;
    this.#shownAt = now;
    this.#shown = true;
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[2K${text}`));
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    if (this.#shown) Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[2K"));
    this.#shown = false;
  }
}
