/**
 * Kinds of configuration fields. A field is an option of the command with a default and a check:
 * what a program gives is right where its text on a command line would be.
 *
 * @module
 */
import {
  choice as oneOf,
  defined,
  flag as onOrOff,
  type FlagOption,
  number,
  type NumberRange,
  option,
  type ValueKind,
  type ValueOption,
  whole as wholeNumber,
} from "@vcs/transport/portable";

/** The option that a field is on a command line; a value has no default there, so that it is absent. */
export type FieldOption<T> = [T] extends [boolean] ? FlagOption : ValueOption<T, undefined>;

/** A field of a configuration. */
export interface Field<T> {
  /** Its default; undefined where it has none. */
  readonly fallback: T | undefined;
  /** The option that it is on a command line; the help of a flag that is on is about `--no-…`. */
  readonly option: FieldOption<T>;
  /** Checks a value and brings it into its usual form. */
  check(value: unknown, name: string): T;
}

/** Accepted spellings, and the word that each stands for. */
export type Words<T extends string> = Readonly<Record<string, T>>;

/** The error message of a wrong value, in the phrase that the command line has for it. */
function wrong(name: string, value: unknown, allowed: string): string {
  const found = typeof value === "string" ? JSON.stringify(value) : String(value);
  return `Cannot use ${name}: found ${found}, expected ${allowed}`;
}

function described<T>(kind: ValueKind<T>, fallback: T | undefined, help: string) {
  const defaultText = fallback === undefined ? undefined : String(fallback);
  return option(kind, { help, ...defined({ defaultText }) });
}

function numeric(
  kind: ValueKind<number>,
  fallback: number | undefined,
  help: string,
): Field<number> {
  return {
    fallback,
    option: described(kind, fallback, help),
    check(value, name) {
      const number = typeof value === "number" ? kind.parse(String(value)) : undefined;
      if (number !== undefined) return number;
      throw new RangeError(wrong(name, value, kind.allowed));
    },
  };
}

/** A whole number in a range. */
export function whole(
  fallback: number | undefined,
  range: NumberRange,
  help: string,
): Field<number> {
  return numeric(wholeNumber(range), fallback, help);
}

/** A finite number. */
export function finite(fallback: number, help: string): Field<number> {
  return numeric(number(), fallback, help);
}

/** One of some words, in any case, with blanks around it. */
export function choice<T extends string>(fallback: T, words: Words<T>, help: string): Field<T> {
  const exact = oneOf([...new Set(Object.values(words))], { spellings: words });
  const kind = { ...exact, parse: (text: string) => exact.parse(text.trim().toLowerCase()) };
  return {
    fallback,
    option: described<T>(kind, fallback, help) as FieldOption<T>,
    check(value, name) {
      const word = typeof value === "string" ? kind.parse(value) : undefined;
      if (word !== undefined) return word;
      throw new TypeError(wrong(name, value, kind.allowed));
    },
  };
}

/** True or false. */
export function flag(fallback: boolean, help: string): Field<boolean> {
  return {
    fallback,
    option: onOrOff({ help, default: fallback }),
    check(value, name) {
      if (typeof value === "boolean") return value;
      const hint = value === 1 || value === 0 ? ` (${value} is ${value === 1} here)` : "";
      throw new TypeError(wrong(name, value, `true and false${hint}`));
    },
  };
}

const FRACTION = number({ min: 0, max: 1 });

/** A time in seconds that need not be given. */
export function seconds(help: string): Field<number> {
  return numeric(number({ min: 0 }), undefined, help);
}

/** A fraction of a whole, 0 to 1, that need not be given. */
export function fraction(help: string): Field<number> {
  return numeric(FRACTION, undefined, help);
}

/** One of some words, or a fraction of the whole as `{ fraction }`. */
export function share<T extends string>(
  fallback: T,
  words: Words<T>,
  help: string,
): Field<T | { readonly fraction: number }> {
  const word = choice(fallback, words, help);
  const fraction = numeric(FRACTION, undefined, help);
  const { kind } = word.option as ValueOption<T>;
  const either: ValueKind<T | { readonly fraction: number }> = {
    placeholder: `${kind.placeholder}|N`,
    allowed: `${kind.allowed}, ${FRACTION.allowed}`,
    ...defined({ completion: kind.completion }),
    parse(text) {
      const number = FRACTION.parse(text);
      return number === undefined ? kind.parse(text) : { fraction: number };
    },
  };
  return {
    fallback,
    option: described(either, fallback, help) as FieldOption<T | { readonly fraction: number }>,
    check(value, name) {
      if (typeof value !== "object" || value === null) return word.check(value, name);
      const given = value as { fraction?: unknown };
      return { fraction: fraction.check(given.fraction, `${name}.fraction`) };
    },
  };
}
