/**
 * Kinds of values on a command line: how each is read, what is expected, and what completes it.
 * There is one phrase for every wrong value:
 * `Cannot read --threads: found "x", expected whole numbers from 1`.
 *
 * @example A kind of one's own
 * ```ts
 * import { readValue, type ValueKind } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * const streamId: ValueKind<string> = {
 *   placeholder: "ID",
 *   allowed: "16 hexadecimal digits",
 *   parse: (text) => /^[0-9a-f]{16}$/i.test(text) ? text.toLowerCase() : undefined,
 * };
 * assert.equal(readValue(streamId, "00000000000000AB", "--stream"), "00000000000000ab");
 * assert.throws(
 *   () => readValue(streamId, "7", "--stream"),
 *   { message: 'Cannot read --stream: found "7", expected 16 hexadecimal digits' },
 * );
 * ```
 *
 * @module
 */
import { withPassword } from "./environment.ts";
import { printable } from "./terminal.ts";
import { UsageError } from "./usage_error.ts";

/** What completes a value in a shell: one of some words, a path, or nothing. */
export type Completion = readonly string[] | "file" | "folder" | undefined;

/** A kind of value. */
export interface ValueKind<T> {
  /** What stands for the value in `--help`, as `N` in `--threads N`. */
  readonly placeholder: string;
  /** What is allowed, in the plural: "whole numbers from 1". */
  readonly allowed: string;
  /** What completes it. Default: nothing. */
  readonly completion?: Completion;
  /** Old spellings of values and today's, accepted with a note for one minor version. */
  readonly formerly?: Readonly<Record<string, string>>;
  /**
   * Reads a value; undefined where it is not allowed.
   *
   * @throws {TypeError|RangeError|SyntaxError} where more can be said about what is wrong.
   */
  parse(text: string): T | undefined;
}

/** A text, at least one character long. */
export function text(placeholder = "TEXT"): ValueKind<string> {
  return { placeholder, allowed: "texts that are not empty", parse: (text) => text || undefined };
}

/** A text that may be empty. */
export function anyText(placeholder = "TEXT"): ValueKind<string> {
  return { placeholder, allowed: "texts", parse: (text) => text };
}

/** The path of a file, or `-` where the command says so. */
export function file(placeholder = "FILE"): ValueKind<string> {
  return { ...text(placeholder), allowed: "paths of files", completion: "file" };
}

/** A URL of something that may ask for a password, which may be the name of a variable: `$NAME`. */
export function urlText(placeholder = "URL"): ValueKind<string> {
  return { ...text(placeholder), parse: (text) => withPassword(text) || undefined };
}

/** A file, or a URL as of {@linkcode urlText}, that is read. */
export function fileOrUrl(placeholder = "FILE|URL"): ValueKind<string> {
  const { parse } = urlText(placeholder);
  return { ...file(placeholder), parse };
}

/** The path of a folder. */
export function folder(placeholder = "FOLDER"): ValueKind<string> {
  return { ...text(placeholder), allowed: "paths of folders", completion: "folder" };
}

/** What a number may be. */
export interface NumberRange {
  /** The least allowed. Default: no limit. */
  readonly min?: number;
  /** The most allowed. Default: no limit. */
  readonly max?: number;
  /** What stands for it in `--help`. Default: N. */
  readonly placeholder?: string;
}

/** A finite number in a range; `above` excludes its own value. */
export function number(range: NumberRange & { readonly above?: number } = {}): ValueKind<number> {
  const { min = -Infinity, max = Infinity, above = -Infinity, placeholder = "N" } = range;
  const limits = above === -Infinity ? limitsOf(range) : ` above ${above}${upTo(max)}`;
  return {
    placeholder,
    allowed: `numbers${limits}`,
    parse(text) {
      const value = text.trim() === "" ? NaN : Number(text);
      return Number.isFinite(value) && value >= min && value <= max && value > above
        ? value
        : undefined;
    },
  };
}

/** A whole number in a range, at most 2^53 - 1. */
export function whole(range: NumberRange = {}): ValueKind<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER, placeholder = "N" } = range;
  return {
    placeholder,
    allowed: `whole numbers${limitsOf(range)}`,
    parse(text) {
      const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : NaN;
      return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
    },
  };
}

function limitsOf({ min, max }: NumberRange): string {
  if (min !== undefined) return ` from ${min}${upTo(max ?? Infinity)}`;
  return upTo(max ?? Infinity);
}

const upTo = (max: number) => max === Infinity ? "" : ` to ${max}`;

/** More spellings of a choice's words. */
export interface ChoiceSpellings<W extends string> {
  /** What stands for it in `--help`. Default: the words, with bars between them. */
  readonly placeholder?: string;
  /** Other spellings, accepted for good. */
  readonly spellings?: Readonly<Record<string, W>>;
  /** Old spellings, accepted with a note for one minor version. */
  readonly formerly?: Readonly<Record<string, W>>;
}

/** One of some words. */
export function choice<const W extends string>(
  words: readonly W[],
  { placeholder = words.join("|"), spellings = {}, formerly }: ChoiceSpellings<W> = {},
): ValueKind<W> {
  const meanings = new Map<string, W>(Object.entries(spellings));
  for (const word of words) meanings.set(word, word);
  return {
    placeholder,
    allowed: words.join(", "),
    completion: words,
    ...(formerly && { formerly }),
    parse: (text) => meanings.get(text),
  };
}

/**
 * Reads a value.
 *
 * @param name what it is the value of, as `--threads`
 * @param note called with a line where an old spelling was used
 * @throws {UsageError} where it is not allowed.
 */
export function readValue<T>(
  kind: ValueKind<T>,
  text: string,
  name: string,
  note: (line: string) => void = () => {},
): T {
  const { formerly = {} } = kind;
  const today = Object.hasOwn(formerly, text) ? formerly[text] : undefined;
  if (today !== undefined) note(`${name} ${text} is now ${name} ${today}`);
  const value = parsed(kind, today ?? text, name);
  if (value !== undefined) return value;
  throw wrongValue(kind, name, JSON.stringify(text));
}

function parsed<T>(kind: ValueKind<T>, text: string, name: string): T | undefined {
  try {
    return kind.parse(text);
  } catch (error) {
    if (!isMisuse(error)) throw error;
    throw new UsageError(`Cannot read ${name}: ${error.message}`, { cause: error });
  }
}

function isMisuse(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
}

/** The one phrase for wrong values. */
export function wrongValue(kind: ValueKind<unknown>, name: string, found: string): UsageError {
  return new UsageError(
    printable(`Cannot read ${name}: found ${found}, expected ${kind.allowed}`),
  );
}
