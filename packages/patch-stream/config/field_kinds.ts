/**
 * Kinds of configuration fields: each knows its default, checks a value from a program, and
 * reads one from a command line.
 *
 * @module
 */

/** A field of a configuration. */
export interface Field<T> {
  /** Value where none is given. */
  readonly fallback: T | undefined;
  /** What it means, in a few words. */
  readonly help: string;
  /** What a value looks like, for `--help`; undefined for a switch. */
  readonly shape: string | undefined;
  /** Checks a value and brings it into its usual form. */
  check(value: unknown, name: string): T;
  /** Reads a value from a command line; it is checked afterwards. */
  parse(text: string): unknown;
}

/** Accepted spellings, and the word that each stands for. */
export type Words<T extends string> = Readonly<Record<string, T>>;

const found = (value: unknown) => typeof value === "string" ? `"${value}"` : String(value);

/** A number, or the text where it is none, so that the error can show it. */
function readNumber(text: string): number | string {
  const number = Number(text);
  return text.trim() === "" || Number.isNaN(number) ? text : number;
}

/** A whole number between two others. */
export function whole(
  fallback: number | undefined,
  least: number,
  most: number,
  help: string,
): Field<number> {
  return {
    fallback,
    help,
    shape: "n",
    parse: readNumber,
    check(value, name) {
      if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
        return value as number;
      }
      const range = most === Number.MAX_SAFE_INTEGER
        ? `of ${least} or more`
        : `of ${least} to ${most}`;
      throw new RangeError(
        `Cannot use ${name}: it must be a whole number ${range}, found ${found(value)}`,
      );
    },
  };
}

/** A finite number. */
export function finite(fallback: number, help: string): Field<number> {
  return {
    fallback,
    help,
    shape: "x",
    parse: readNumber,
    check(value, name) {
      if (Number.isFinite(value)) return value as number;
      throw new RangeError(`Cannot use ${name}: it must be a finite number, found ${found(value)}`);
    },
  };
}

/** One of some words, in any case, with blanks around it. */
export function choice<T extends string>(fallback: T, words: Words<T>, help: string): Field<T> {
  const names = [...new Set(Object.values(words))];
  return {
    fallback,
    help,
    shape: names.join("|"),
    parse: (text) => text,
    check(value, name) {
      const word = typeof value === "string" ? value.trim().toLowerCase() : "";
      if (Object.hasOwn(words, word)) return words[word]!;
      throw new TypeError(
        `Cannot use ${name}: it must be ${names.join(", ")}, found ${found(value)}`,
      );
    },
  };
}

/** True or false. */
export function flag(fallback: boolean, help: string): Field<boolean> {
  return {
    fallback,
    help,
    shape: undefined,
    parse: (text) => text === "true",
    check(value, name) {
      if (typeof value === "boolean") return value;
      throw new TypeError(`Cannot use ${name}: it must be true or false, found ${found(value)}`);
    },
  };
}

/** One of some words, or a share of the whole as `{ fraction }`. */
export function share<T extends string>(
  fallback: T,
  names: readonly T[],
  help: string,
): Field<T | { readonly fraction: number }> {
  const words = Object.fromEntries(names.map((name) => [name, name])) as Words<T>;
  const word = choice(fallback, words, help);
  return {
    fallback,
    help,
    shape: `${names.join("|")}|0..1`,
    parse: (text) => {
      const number = readNumber(text);
      return typeof number === "number" ? { fraction: number } : text;
    },
    check(value, name) {
      if (typeof value !== "object" || value === null) return word.check(value, name);
      const { fraction } = value as { fraction?: unknown };
      if (typeof fraction === "number" && fraction >= 0 && fraction <= 1) return { fraction };
      throw new RangeError(`Cannot use ${name}: fraction must be 0 to 1, found ${found(fraction)}`);
    },
  };
}
