/**
 * What a command writes: data on stdout, everything human on stderr, and nothing from outside that
 * could move the cursor or hide text, nor a password that stood in a URL.
 *
 * @module
 */

import { UsageError } from "./usage_error.ts";
import { hidePasswords } from "../io/credentials.ts";

/**
 * Makes control characters visible, so that a name from a file or from the network cannot steer
 * the terminal: C0, DEL, C1, line separators, and the marks that change the direction of text. What
 * logs in at a URL becomes `***`.
 *
 * @example
 * ```ts
 * import { printable } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * assert.equal(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
 * ```
 */
export function printable(text: string): string {
  return hidePasswords(text).replace(CONTROLS, escaped);
}

// deno-lint-ignore no-control-regex -- these are what must not get through
const CONTROLS = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const SHORT: ReadonlyMap<string, string> = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const long = code > 0xff ? `\\u${code.toString(16).padStart(4, "0")}` : undefined;
  return SHORT.get(character) ?? long ?? `\\x${code.toString(16).padStart(2, "0")}`;
}

/** Whether an error says that the reader of our output has gone. */
export function isClosedPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    (error instanceof Error && "code" in error && error.code === "EPIPE");
}

/**
 * Refuses to write data that are no text where they would only confuse a terminal: before any work.
 *
 * @param path where they are to be written: a file, or `-` for standard output
 * @param what the data: `PCM`
 * @param instead how to name a file: `-o FILE`
 * @throws {UsageError} where that is a terminal.
 */
export function refuseTerminal(path: string, what: string, instead: string): void {
  if (path !== "-" || !Deno.stdout.isTerminal()) return;
  throw new UsageError(
    `Cannot write ${what} to standard output: it is a terminal, expected a pipe or a file ` +
      `(${instead}; add | cat if you insist)`,
  );
}

interface Output {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** Writes a text to its end. */
export function writeText(output: Pick<Output, "writeSync">, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += output.writeSync(bytes.subarray(at));
}

/** Makes a text of several lines printable, and leaves its own line breaks and tabs. */
function printableLines(text: string): string {
  return hidePasswords(text).replace(CONTROLS, (c) => c === "\n" || c === "\t" ? c : escaped(c));
}

/**
 * Writes what people read. Where nobody does any more, because the terminal or the reader of the pipe
 * has gone, the work goes on: it may be closing, and must not lose its data over that.
 */
export function writeForPeople(output: Pick<Output, "writeSync">, text: string): void {
  try {
    writeText(output, text);
  } catch {
    // Nobody is there to be told.
  }
}

/** Writes a line for people to stderr; control characters are made visible. */
export function say(line: string): void {
  writeForPeople(Deno.stderr, `${printableLines(line)}\n`);
}

/** Writes a line of data to stdout: exactly as it is into a pipe, made visible on a terminal. */
export function print(line: string): void {
  writeText(Deno.stdout, `${Deno.stdout.isTerminal() ? printableLines(line) : line}\n`);
}
