/**
 * A command: its tables, what it does, and the way from the words of a command line to that.
 * `options.ts` is the guide.
 *
 * @module
 */
import { environment } from "./environment.ts";
import { completionScript, isShell, SHELLS } from "./completions.ts";
import { helpText } from "./help.ts";
import type { OperandTable, OperandValues, OptionTable, OptionValues } from "./options.ts";
import { longName } from "./options.ts";
import { asksFor, parse, unknownOption } from "./parse.ts";
import { fromSingleDash, hasSingleDash } from "./single_dash.ts";
import { didYouMean } from "./suggest.ts";
import { print, printable, say } from "./terminal.ts";
import { UsageError } from "./usage_error.ts";

/** What a command gets of its command line. */
export interface Invocation<O extends OptionTable, P extends OperandTable> {
  /** Values of the options; absent where there is neither a value nor a default. */
  readonly options: OptionValues<O>;
  /** Values of the operands. */
  readonly operands: OperandValues<P>;
  /** Aborted by Ctrl-C: finish what is held, then return. */
  readonly signal: AbortSignal;
}

/** What defines a command. */
export interface CommandDefinition<O extends OptionTable, P extends OperandTable> {
  /** Its name. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly about: string;
  /** Version that `--version` prints; needed of a whole command, not of a subcommand. */
  readonly version?: string;
  /** Options by key. Default: none. */
  readonly options?: O;
  /** Operands by key. Default: none. */
  readonly operands?: P;
  /** Subcommands. Default: none. */
  readonly commands?: readonly Command[];
  /**
   * Words that choose this subcommand from anywhere in the line, as `-d` and `--decode`; they make
   * the dialect of single dashes, and the first subcommand of those named wins.
   */
  readonly modes?: readonly string[];
  /** More lines for `--help`, as they are. */
  readonly notes?: string;
  /** What it does; a command that only has subcommands has none. Returns the exit code, or 0. */
  readonly run?: (invocation: Invocation<O, P>) => Promise<number | void>;
}

/** What a command needs from outside. */
export interface CommandContext {
  /** Ends the work in order. */
  readonly signal: AbortSignal;
  /** Gives a variable of the environment. Default: the process's. */
  readonly env?: (name: string) => string | undefined;
  /** Called with a note for people. Default: a line on stderr. */
  readonly note?: (line: string) => void;
}

/** A command, ready to run. */
export interface Command {
  /** Its name. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly about: string;
  /** Its version, for a whole command. */
  readonly version?: string;
  /** Its options. */
  readonly options: OptionTable;
  /** Its operands. */
  readonly operands: OperandTable;
  /** Its subcommands. */
  readonly commands: readonly Command[];
  /** Words that choose it in the dialect of single dashes. */
  readonly modes: readonly string[];
  /** More lines for `--help`. */
  readonly notes?: string;
  /** Whether it does something without a subcommand. */
  readonly runs: boolean;
  /**
   * Runs its own work, not that of a subcommand.
   *
   * @param path what it is called in messages: `onnx pull`
   * @param elsewhere says more about an option that it does not know
   * @throws {UsageError} where the words are wrong.
   */
  execute(
    path: string,
    args: readonly string[],
    context: CommandContext,
    elsewhere?: (name: string) => string | undefined,
  ): Promise<number>;
  /**
   * Runs what a command line asks for: a subcommand, help, the version, completions or its work.
   *
   * @returns the exit code
   * @throws {UsageError} where the command line is wrong.
   */
  invoke(args: readonly string[], context: CommandContext): Promise<number>;
}

/**
 * Defines a command; see the guide in `options.ts`.
 *
 * @throws {TypeError} where a subcommand has subcommands.
 */
export function command<
  const O extends OptionTable = Record<never, never>,
  const P extends OperandTable = Record<never, never>,
>(definition: CommandDefinition<O, P>): Command {
  const { options = {} as O, operands = {} as P, commands = [], modes = [], run } = definition;
  const { name, about, version, notes } = definition;
  if (commands.some((child) => child.commands.length > 0)) {
    throw new TypeError(`Cannot define ${name}: a subcommand has subcommands`);
  }
  const made: Command = {
    ...{ name, about, options, operands, commands, modes, runs: run !== undefined },
    ...(version !== undefined && { version }),
    ...(notes !== undefined && { notes }),
    async execute(path, args, context, elsewhere) {
      const { signal, env = environment.get, note = (line) => say(`note: ${line}`) } = context;
      const tables = { path, options, operands, ...(elsewhere && { elsewhere }) };
      const parsed = parse(args, tables, { env: (name) => env(name), note });
      return await run?.({ ...parsed, signal }) ?? 0;
    },
    invoke: (args, context) => invoke(made, args, context),
  };
  return made;
}

/** Where a command line leads: a command, and the words that are its own. */
interface Target {
  readonly target: Command;
  readonly path: string;
  readonly args: readonly string[];
}

function choose(root: Command, args: readonly string[]): Target {
  const [word, ...rest] = args;
  const child = root.commands.find(({ name }) => name === word);
  if (child) return { target: child, path: `${root.name} ${child.name}`, args: rest };
  const translated = hasSingleDash(root) ? fromSingleDash(root, args) : undefined;
  if (translated) {
    return { ...translated, path: `${root.name} ${translated.target.modes[0] ?? ""}` };
  }
  return { target: root, path: root.name, args };
}

async function invoke(
  root: Command,
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  if (args[0] === "completions") return writeCompletions(root, args.slice(1));
  let help = root.name;
  try {
    const { target, path, args: own } = choose(root, args);
    help = path;
    if (asksFor("help", own, target.options)) return answer(helpText(root, target));
    if (asksFor("version", own, target.options)) {
      return answer(`${root.name} ${root.version ?? ""}`);
    }
    if (!target.runs) return refuse(root, own);
    if (target === root) refuseUnknownCommand(root, own);
    return await target.execute(path, own, context, (name) => elsewhere(root, name));
  } catch (error) {
    if (error instanceof UsageError) error.command ??= help;
    throw error;
  }
}

function answer(text: string): number {
  print(text);
  return 0;
}

/** Ends a line that names no subcommand, where one is needed. */
function refuse(root: Command, args: readonly string[]): number {
  const [word] = args;
  if (word === undefined) {
    say(helpText(root, root));
    return 2;
  }
  if (word.startsWith("-")) {
    const name = word.split("=", 1)[0] ?? word;
    throw unknownOption(name, { ...root, elsewhere: (name) => elsewhere(root, name) });
  }
  throw unknownCommand(root, word);
}

function unknownCommand(root: Command, word: string): UsageError {
  const names = [...root.commands.map(({ name }) => name), "completions"];
  const more = didYouMean(word, names) || `, expected ${names.join(", ")}`;
  return new UsageError(printable(`Unknown command ${JSON.stringify(word)}${more}`));
}

/** A first word where the command itself takes none was meant as a subcommand. */
function refuseUnknownCommand(root: Command, [word]: readonly string[]): void {
  const takesWords = Object.keys(root.operands).length > 0;
  if (word === undefined || word.startsWith("-") || takesWords) return;
  if (root.commands.length > 0) throw unknownCommand(root, word);
}

/** Which subcommand knows an option that another one does not. */
function elsewhere(root: Command, name: string): string | undefined {
  const knows = ({ options }: Command) =>
    Object.keys(options).some((key) => `--${longName(key)}` === name);
  const owners = root.commands.filter(knows);
  if (owners.length === 0) return undefined;
  return `: it belongs to ${owners.map((owner) => `${root.name} ${owner.name}`).join(", ")}`;
}

function writeCompletions(root: Command, args: readonly string[]): number {
  const [shell] = args;
  if (shell !== undefined && args.length === 1 && isShell(shell)) {
    print(completionScript(root, shell).trimEnd());
    return 0;
  }
  if (shell === "--help" || shell === "-h") {
    return answer(
      `Usage: ${root.name} completions ${SHELLS.join("|")}   print a script for a shell`,
    );
  }
  const found = args.map((word) => JSON.stringify(word)).join(" ") || "no shell";
  const allowed = `expected ${SHELLS.join(", ")}`;
  throw new UsageError(printable(`Cannot write completions: found ${found}, ${allowed}`));
}
