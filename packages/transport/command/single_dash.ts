/**
 * A front for commands with a dialect of long names after one dash, as Encodec-Stream's
 * `-ss 5 -to 9 -d FILE`: modes stand anywhere in the line, and one letter can be one option in one
 * mode and another in the next. It turns such a line into a subcommand and the words of its table;
 * it reads no values itself.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { type AnyOption, longName } from "./options.ts";
import { printable } from "./terminal.ts";
import { UsageError } from "./usage_error.ts";

/** A line in the words of a subcommand's table. */
export interface Translated {
  /** The subcommand. */
  readonly target: Command;
  /** Its words. */
  readonly args: string[];
}

/** Whether a command has such a dialect. */
export function hasSingleDash(root: Command): boolean {
  return root.commands.some(({ modes }) => modes.length > 0);
}

/** An option of one mode. */
interface Known {
  readonly mode: Command;
  readonly name: string;
  readonly entry: AnyOption;
}

/** Options of all modes by what is typed. */
function knownOptions(modes: readonly Command[]): Map<string, Known[]> {
  const all = new Map<string, Known[]>();
  for (const mode of modes) {
    for (const [key, entry] of Object.entries(mode.options)) {
      const { aliases = [], formerly = [], dash, short } = entry;
      const dashed = [dash, short].filter((name) => name !== undefined);
      const long = [longName(key), ...aliases, ...formerly];
      const add = (typed: string, name: string) =>
        all.set(typed, [...all.get(typed) ?? [], { mode, name, entry }]);
      for (const name of long) add(`--${name}`, name);
      for (const name of dashed) add(`-${name}`, longName(key));
    }
  }
  return all;
}

/** A word of the line; what follows an option that takes a value is part of it. */
interface Item {
  readonly word: string;
  readonly known: readonly Known[];
  readonly value?: string;
}

/** A line up to `--`, and what stands from there on. */
interface Line {
  readonly items: readonly Item[];
  readonly rest: readonly string[];
}

function lineOf(args: readonly string[], options: ReadonlyMap<string, Known[]>): Line {
  const items: Item[] = [];
  const rest = [...args];
  for (let word = rest[0]; word !== undefined && word !== "--"; word = rest[0]) {
    rest.shift();
    const [name, ...inline] = word.startsWith("-") ? word.split("=") : [word];
    const known = options.get(name ?? "") ?? [];
    const takesValue = known.some(({ entry }) => entry.form !== "flag");
    if (inline.length > 0) items.push({ word: name ?? "", known, value: inline.join("=") });
    else if (takesValue && rest.length > 0) items.push({ word, known, value: rest.shift() ?? "" });
    else items.push({ word, known });
  }
  return { items, rest };
}

/**
 * Translates a line, or returns undefined where it names no mode but asks for help or the version,
 * or is empty.
 *
 * @throws {UsageError} where no mode is named, or an option belongs to another mode.
 */
export function fromSingleDash(root: Command, args: readonly string[]): Translated | undefined {
  const modes = root.commands.filter((child) => child.modes.length > 0);
  const { items, rest } = lineOf(args, knownOptions(modes));
  const words = new Set(items.filter(({ value }) => value === undefined).map(({ word }) => word));
  const target = modes.find((mode) => mode.modes.some((word) => words.has(word)));
  if (!target) {
    if (args.length === 0 || ["-h", "--help", "--version"].some((w) => words.has(w))) return;
    const names = modes.map((mode) => mode.modes[0]).join(", ");
    throw new UsageError(`Cannot choose what to do: found no mode, expected one of ${names}`);
  }
  const isMode = (word: string) => modes.some((mode) => mode.modes.includes(word));
  const own = items.filter(({ word, value }) => value !== undefined || !isMode(word));
  return { target, args: [...own.map((item) => translate(item, target)), ...rest] };
}

/** One word of the table's for one item. */
function translate({ word, known, value }: Item, target: Command): string {
  const option = known.find(({ mode }) => mode === target);
  if (!option && known.length > 0) {
    const owners = known.map(({ mode }) => mode.modes[0]).join(", ");
    throw new UsageError(
      printable(`Cannot use ${word} with ${target.modes[0]}: it belongs to ${owners}`),
    );
  }
  const name = option ? `--${option.name}` : word;
  return value === undefined ? name : `${name}=${value}`;
}
