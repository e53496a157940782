/**
 * From words to the values of a command's tables, by the tokens of `node:util`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  type AnyOption,
  longName,
  type OperandTable,
  type OperandValues,
  type OptionTable,
  type OptionValues,
} from "./options.ts";
import { secretOf } from "./environment.ts";
import { didYouMean } from "./suggest.ts";
import { printable } from "./terminal.ts";
import { UsageError } from "./usage_error.ts";
import { readValue, wrongValue } from "./values.ts";

/** What parsing needs from outside. */
export interface ParseContext {
  /** Gives a variable of the environment. */
  env(name: string): string | undefined;
  /** Called with a line about an old spelling or a variable that cannot be used. */
  note(line: string): void;
}

/** The tables that a command line is read by. */
export interface Tables<O extends OptionTable, P extends OperandTable> {
  /** What the command is called in messages: `onnx pull`. */
  readonly path: string;
  /** Its options. */
  readonly options: O;
  /** Its operands. */
  readonly operands: P;
  /** Says more about an option that is not in the table. Default: the nearest one. */
  readonly elsewhere?: (name: string) => string | undefined;
}

/** Values of a command line. */
export interface Parsed<O extends OptionTable, P extends OperandTable> {
  /** Values of the options. */
  readonly options: OptionValues<O>;
  /** Values of the operands. */
  readonly operands: OperandValues<P>;
}

/** One way to write an option. */
interface Spelling {
  readonly key: string;
  readonly entry: AnyOption;
  /** Whether it is an old name. */
  readonly old: boolean;
  /** Whether it turns a flag off. */
  readonly negative: boolean;
}

/** All names that a table's options go by, without dashes. */
function spellings(table: OptionTable): Map<string, Spelling> {
  const all = new Map<string, Spelling>();
  for (const [key, entry] of Object.entries(table)) {
    const add = (name: string, old: boolean) => {
      all.set(name, { key, entry, old, negative: false });
      if (entry.form === "flag") all.set(`no-${name}`, { key, entry, old, negative: true });
    };
    add(longName(key), false);
    for (const name of entry.aliases ?? []) add(name, false);
    for (const name of entry.formerly ?? []) add(name, true);
  }
  return all;
}

/** Names that a misspelt one may have meant: those that `--help` shows. */
function shownNames(table: OptionTable): string[] {
  const shown = Object.entries(table).filter(([, entry]) => !entry.hidden);
  return [...shown.flatMap(([key, entry]) => shownName(longName(key), entry)), "help", "version"];
}

function shownName(name: string, entry: AnyOption): string[] {
  return entry.form === "flag" && entry.default ? [`no-${name}`, name] : [name];
}

type Config = { type: "string" | "boolean"; short?: string };

function configOf({ entry }: Spelling, isLong: boolean): Config {
  const type = entry.form === "flag" ? "boolean" : "string";
  return isLong && entry.short !== undefined ? { type, short: entry.short } : { type };
}

function tokensOf(args: readonly string[], names: ReadonlyMap<string, Spelling>) {
  const options = Object.fromEntries(
    [...names].map(([name, spelling]) =>
      [name, configOf(spelling, name === longName(spelling.key))] as const
    ),
  );
  const settings = { strict: false, allowPositionals: true, tokens: true } as const;
  return parseArgs({ ...settings, args: [...args], options }).tokens;
}

/** Whether help or the version is asked for, and not as the value of an option. */
export function asksFor(
  what: "help" | "version",
  args: readonly string[],
  table: OptionTable,
): boolean {
  return tokensOf(args, spellings(table)).some((token) =>
    token.kind === "option" &&
    (token.rawName === `--${what}` || (what === "help" && token.rawName === "-h"))
  );
}

/** Values as they are gathered: options by key, and words. */
class Gathered {
  readonly values = new Map<string, unknown>();
  readonly words: string[] = [];

  constructor(readonly tables: Tables<OptionTable, OperandTable>, readonly context: ParseContext) {}

  take({ key, entry, old, negative }: Spelling, rawName: string, text: string | undefined): void {
    if (old) this.context.note(`${rawName} is now --${negative ? "no-" : ""}${longName(key)}`);
    if (entry.form === "flag") {
      if (text === undefined) this.values.set(key, !negative);
      else {throw new UsageError(
          printable(`Cannot read ${rawName}: found "${text}", it takes no value`),
        );}
      return;
    }
    if (text === undefined) throw wrongValue(entry.kind, rawName, "no value");
    const value = readValue(entry.kind, text, rawName, this.context.note);
    if (entry.form === "value") this.values.set(key, value);
    else this.values.set(key, [...this.#listOf(key), value]);
  }

  #listOf(key: string): readonly unknown[] {
    const before = this.values.get(key);
    return Array.isArray(before) ? before : [];
  }

  /** Fills in missing values, from the environment or the defaults. */
  complete(): void {
    for (const [key, entry] of Object.entries(this.tables.options)) {
      if (this.values.has(key)) continue;
      const value = this.#fromEnvironment(entry) ?? (entry.form === "list" ? [] : entry.default);
      if (value !== undefined) this.values.set(key, value);
    }
  }

  #fromEnvironment(entry: AnyOption): unknown {
    if (entry.env !== undefined && entry.isSecret) {
      return secretOf(entry.env, { get: (name) => this.context.env(name) });
    }
    const text = entry.env === undefined ? undefined : this.context.env(entry.env)?.trim();
    if (!text || entry.env === undefined) return undefined;
    try {
      if (entry.form === "flag") return readSwitch(text, entry.env);
      const value = readValue(entry.kind, text, entry.env, this.context.note);
      return entry.form === "list" ? [value] : value;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const { default: fallback } = { default: undefined, ...entry };
      this.context.note(`${error.message}; using ${fallback ?? "none"}`);
      return undefined;
    }
  }
}

function readSwitch(text: string, name: string): boolean {
  if (/^(1|true|on|yes)$/i.test(text)) return true;
  if (/^(0|false|off|no)$/i.test(text)) return false;
  throw new UsageError(printable(`Cannot read ${name}: found "${text}", expected 1 or 0`));
}

/** A dashed word as it was typed, without its value. */
function typed(word: string, rawName: string): string {
  return rawName.startsWith("--") ? rawName : word.split("=", 1)[0] ?? rawName;
}

/** The error of an option that is not in a table; names the one that was probably meant. */
export function unknownOption(
  name: string,
  { options, elsewhere }: Pick<Tables<OptionTable, OperandTable>, "options" | "elsewhere">,
): UsageError {
  const bare = name.replace(/^-+/, "");
  const more = elsewhere?.(name) ?? didYouMean(bare, shownNames(options), "--");
  return new UsageError(printable(`Unknown option ${name}${more}`));
}

/** How the operands of a command are written: `SOURCE [OUTPUT]`, `VIDEO…`. */
export function operandUsage(table: OperandTable): string {
  return Object.values(table).map(({ form, kind, least }) => {
    const word = `${kind.placeholder}${form === "many" ? "…" : ""}`;
    return least > 0 ? word : `[${word}]`;
  }).join(" ");
}

const counted = (words: number) => `${words} ${words === 1 ? "argument" : "arguments"}`;

function readOperands(
  words: readonly string[],
  { path, operands: table }: Tables<OptionTable, OperandTable>,
): Map<string, unknown> {
  const entries = Object.entries(table);
  const least = entries.reduce((sum, [, operand]) => sum + operand.least, 0);
  const isOpen = entries.some(([, { form }]) => form === "many");
  if (words.length < least || (words.length > entries.length && !isOpen)) {
    const expected = operandUsage(table) || "none";
    throw new UsageError(
      `Cannot run ${path}: found ${counted(words.length)}, expected ${expected}`,
    );
  }
  const values = new Map<string, unknown>();
  for (const [at, [key, { form, kind }]] of entries.entries()) {
    const read = words.slice(at, form === "many" ? undefined : at + 1)
      .map((word) => readValue(kind, word, kind.placeholder));
    if (form === "many") values.set(key, read);
    else if (read.length > 0) values.set(key, read[0]);
  }
  return values;
}

/**
 * Reads a command line by a command's tables.
 *
 * @param args words after the command's and the subcommand's name
 * @throws {UsageError} for an unknown option, a wrong value, or too few or too many operands.
 */
export function parse<O extends OptionTable, P extends OperandTable>(
  args: readonly string[],
  tables: Tables<O, P>,
  context: ParseContext,
): Parsed<O, P> {
  const names = spellings(tables.options);
  const gathered = new Gathered(tables, context);
  for (const token of tokensOf(args, names)) {
    if (token.kind === "positional") gathered.words.push(token.value);
    if (token.kind !== "option") continue;
    const spelling = names.get(token.name);
    const isShort = !token.rawName.startsWith("--");
    if (!spelling || (isShort && token.rawName !== `-${spelling.entry.short}`)) {
      throw unknownOption(typed(args[token.index] ?? "", token.rawName), tables);
    }
    gathered.take(spelling, token.rawName, token.value);
  }
  gathered.complete();
  const operands = readOperands(gathered.words, tables);
  // The tables are what the types are made from.
  return {
    options: Object.fromEntries(gathered.values) as OptionValues<O>,
    operands: Object.fromEntries(operands) as OperandValues<P>,
  };
}
