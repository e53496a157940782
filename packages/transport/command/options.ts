/**
 * How a package defines its command: one table of options, from which come parsing, the types of
 * the parsed values, `--help`, the README's table and the completions of shells.
 *
 * - A **kind** says how a value is read (`whole({ min: 1 })`, `choice([…])`, `file()`; see
 *   `values.ts`, also for a kind of one's own).
 * - An **option** is a kind with a sentence about it: {@linkcode option}, {@linkcode flag} or
 *   {@linkcode list}. Its long name comes from its key: `maxFps` is `--max-fps`.
 * - A word that is not an option is an **operand**: {@linkcode operand}, {@linkcode optionalOperand},
 *   {@linkcode operands}.
 * - {@linkcode command} puts them together with what they do. Subcommands are commands, too; a
 *   command may have both, and then a first argument that is a subcommand's name is that
 *   subcommand (a file of that name is given as `./play`).
 * - {@linkcode runCommand} runs it in its own process: exit codes, signals, errors.
 *
 * Values without a default are absent, not undefined, so that `options` can be spread into the
 * options of a library. `--help`, `--version` and `completions bash|zsh|fish` are added.
 *
 * @example A whole command
 * ```ts
 * import { choice, command, type Command, flag, list, operand, option, text, whole } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * const greet: Command = command({
 *   name: "greet",
 *   version: "0.1.0", // from `import config from "./deno.json" with { type: "json" }`
 *   about: "Greet somebody",
 *   operands: { name: operand(text("NAME"), "who is greeted") },
 *   options: {
 *     times: option(whole({ min: 1, max: 9 }), { help: "how often", short: "n", default: 1 }),
 *     tone: option(choice(["warm", "cool"]), { help: "tone of voice", env: "GREET_TONE" }),
 *     and: list(text("NAME"), { help: "somebody else; may repeat" }),
 *     shout: flag({ help: "in capitals", formerly: ["loud"] }),
 *     stop: flag({ help: "no full stop", default: true }),
 *   },
 *   run({ options, operands }) {
 *     const { times, and, shout, stop } = options; // number, string[], boolean, boolean
 *     const tone: "warm" | "cool" | undefined = options.tone;
 *     said.push([operands.name, ...and, times, tone, shout, stop]);
 *     return Promise.resolve();
 *   },
 * });
 * const said: unknown[] = [];
 *
 * const context = { signal: new AbortController().signal, env: () => undefined };
 * await greet.invoke(["Ada", "-n", "2", "--and=Bob", "--no-stop"], context);
 * assert.deepEqual(said, [["Ada", "Bob", 2, undefined, false, false]]);
 * await assert.rejects(
 *   greet.invoke(["--tiems", "2", "Ada"], context),
 *   { message: "Unknown option --tiems: did you mean --times?" },
 * );
 * // The end of the file that is started: if (import.meta.main) await runCommand(greet);
 * ```
 *
 * @module
 */
import type { ValueKind } from "./values.ts";

/** What every option says about itself. */
export interface OptionAbout {
  /** What it does, in a few words. */
  readonly help: string;
  /** One letter for short. */
  readonly short?: string;
  /** Name after one dash, in commands that have such a dialect: `ss` for `-ss`. */
  readonly dash?: string;
  /** Environment variable that sets it where it is not on the command line. */
  readonly env?: string;
  /**
   * Whether it is a secret, which may also be in a file that the variable with `_FILE` behind its name
   * names. Default: false.
   */
  readonly isSecret?: boolean;
  /** Other long names, accepted for good and not shown. */
  readonly aliases?: readonly string[];
  /** Old long names, accepted with a note for one minor version. */
  readonly formerly?: readonly string[];
  /** The default in words, where it is not a value: "all processors". */
  readonly defaultText?: string;
  /** Heading that it stands under in `--help`. Default: Options. */
  readonly group?: string;
  /** Whether `--help`, README and completions keep silent about it. Default: false. */
  readonly hidden?: boolean;
}

/** An option that is on or off. */
export interface FlagOption extends OptionAbout {
  /** Distinguishes the forms of options. */
  readonly form: "flag";
  /** Whether it is on; `--no-…` turns it off. */
  readonly default: boolean;
}

/** An option with one value; the last one counts. */
export interface ValueOption<T, D extends T | undefined = T | undefined> extends OptionAbout {
  /** Distinguishes the forms of options. */
  readonly form: "value";
  /** How its value is read. */
  readonly kind: ValueKind<T>;
  /** The default value. */
  readonly default: D;
}

/** An option that may repeat. */
export interface ListOption<T> extends OptionAbout {
  /** Distinguishes the forms of options. */
  readonly form: "list";
  /** How each value is read. */
  readonly kind: ValueKind<T>;
}

/** An option of any form. */
export type AnyOption = FlagOption | ValueOption<unknown> | ListOption<unknown>;

/** Options by key. */
export type OptionTable = Readonly<Record<string, AnyOption>>;

/** An option that is on or off. Default: off. */
export function flag(about: OptionAbout & { readonly default?: boolean }): FlagOption {
  return { default: false, ...about, form: "flag" };
}

/** An option with a value, and with a default. */
export function option<T>(
  kind: ValueKind<T>,
  about: OptionAbout & { readonly default: NoInfer<T> },
): ValueOption<T, T>;
/** An option with a value, absent where it is not given. */
export function option<T>(kind: ValueKind<T>, about: OptionAbout): ValueOption<T, undefined>;
export function option<T>(
  kind: ValueKind<T>,
  about: OptionAbout & { readonly default?: T },
): ValueOption<T> {
  return { ...about, default: about.default, form: "value", kind };
}

/** An option that may repeat; an empty list where it is not given. */
export function list<T>(kind: ValueKind<T>, about: OptionAbout): ListOption<T> {
  return { ...about, form: "list", kind };
}

/** The same options under a heading of `--help`. */
export function group<Table extends OptionTable>(heading: string, table: Table): Table {
  const entries = Object.entries(table).map(([key, entry]) => [key, { ...entry, group: heading }]);
  return Object.fromEntries(entries) as Table;
}

/** A word that is not an option; `form` says how many of it there are. */
export interface Operand<T, Form extends "one" | "optional" | "many"> {
  /** How many words: one, one at most, or `least` and more. */
  readonly form: Form;
  /** How each word is read. */
  readonly kind: ValueKind<T>;
  /** What it is, in a few words. */
  readonly help: string;
  /** The fewest words. */
  readonly least: number;
}

/** An operand of any form. */
export type AnyOperand = Operand<unknown, "one" | "optional" | "many">;

/** Operands by key, in their order; "many" can only be the last. */
export type OperandTable = Readonly<Record<string, AnyOperand>>;

/** A word that must be there. */
export function operand<T>(kind: ValueKind<T>, help: string): Operand<T, "one"> {
  return { form: "one", kind, help, least: 1 };
}

/** A word that may be there. */
export function optionalOperand<T>(kind: ValueKind<T>, help: string): Operand<T, "optional"> {
  return { form: "optional", kind, help, least: 0 };
}

/** All further words, at least so many. Default: 0. */
export function operands<T>(kind: ValueKind<T>, help: string, least = 0): Operand<T, "many"> {
  return { form: "many", kind, help, least };
}

/** The value of one option. */
export type OptionValue<Entry> = Entry extends FlagOption ? boolean
  : Entry extends ValueOption<infer T> ? T
  : Entry extends ListOption<infer T> ? readonly T[]
  : never;

/** The values of a table of options: absent where there is neither a value nor a default. */
export type OptionValues<Table extends OptionTable> =
  & {
    readonly [
      K in keyof Table as Table[K] extends ValueOption<unknown, undefined> ? never : K
    ]: OptionValue<Table[K]>;
  }
  & {
    readonly [
      K in keyof Table as Table[K] extends ValueOption<unknown, undefined> ? K : never
    ]?: OptionValue<Table[K]>;
  };

/** The value of one operand. */
export type OperandValue<Entry> = Entry extends Operand<infer T, "many"> ? readonly T[]
  : Entry extends Operand<infer T, "one" | "optional"> ? T
  : never;

/** The values of a table of operands: absent where an optional one is not there. */
export type OperandValues<Table extends OperandTable> =
  & {
    readonly [
      K in keyof Table as Table[K] extends Operand<unknown, "optional"> ? never : K
    ]: OperandValue<Table[K]>;
  }
  & {
    readonly [
      K in keyof Table as Table[K] extends Operand<unknown, "optional"> ? K : never
    ]?: OperandValue<Table[K]>;
  };

/** The long name of a key: `maxFps` is `max-fps`. */
export function longName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The default of an option in words; undefined where there is none, or where it goes unsaid. */
export function defaultText(entry: AnyOption): string | undefined {
  if (entry.defaultText !== undefined) return entry.defaultText;
  if (entry.form !== "value" || entry.default === undefined) return undefined;
  return String(entry.default);
}
