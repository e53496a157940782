/**
 * A file of settings that may change while the command runs.
 *
 * @module
 */
import { type Clock, systemClock } from "@vcs/transport/portable";
import { ignoreAbort, UsageError } from "@vcs/transport/internal";

/** Bytes of a file. */
const MAX_BYTES = 1 << 20;
/** Milliseconds between looks at the file. */
const LOOK = 1000;

/** How to watch a file. */
export interface ChangingFileOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called with a line for people if the file has become one that cannot be read. */
  readonly say: (line: string) => void;
  /** By which it is looked at. Default: the system's. */
  readonly clock?: Clock;
}

/**
 * The text of a file.
 *
 * @throws {UsageError} if it is no file, or too large
 */
export async function textOf(path: string): Promise<string> {
  const { isFile, size } = await Deno.stat(path);
  if (!isFile) throw new UsageError("it is not a file");
  if (size > MAX_BYTES) throw new UsageError(`found ${size} bytes, expected at most ${MAX_BYTES}`);
  return await Deno.readTextFile(path);
}

/** A failure in one line; that of the TOML reader goes on with lines of the file, secrets among them. */
export function lineOf(path: string, error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return `Cannot read ${path}: it does not exist`;
  if (!(error instanceof Error)) return `Cannot read ${path}: ${error}`;
  const { line, column, message } = error as Error & { line?: number; column?: number };
  const at = line === undefined ? "" : ` (line ${line}, column ${column})`;
  return `Cannot read ${path}: ${message.split("\n")[0]}${at}`;
}

/**
 * What a file says, and what each later state of it says until the signal is aborted. A state counts
 * once two looks have found it; one that cannot be read is told of once, and passed over.
 *
 * @param look gives what the file says, or why it cannot be read
 * @throws {UsageError} if the first state cannot be read
 */
export async function* states<T extends object>(
  look: () => Promise<T | string>,
  { signal, say, clock = systemClock }: ChangingFileOptions,
): AsyncGenerator<T> {
  const first = await look();
  if (typeof first === "string") throw new UsageError(first);
  yield first;
  let [taken, before] = [JSON.stringify(first), ""];
  while (!signal.aborted) {
    await clock.sleep(LOOK, signal).catch(ignoreAbort(signal));
    const found = await look();
    const seen = JSON.stringify(found);
    const counts = seen === before && seen !== taken;
    before = seen;
    if (!counts || signal.aborted) continue;
    taken = seen;
    if (typeof found === "string") say(`${found}; the cameras stay as they are`);
    else yield found;
  }
}
