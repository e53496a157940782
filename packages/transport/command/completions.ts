/**
 * Scripts that complete a command in bash, zsh and fish: `COMMAND completions bash`.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { type AnyOption, longName } from "./options.ts";
import type { Completion } from "./values.ts";

/** Shells that scripts are made for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** A shell that scripts are made for. */
export type Shell = typeof SHELLS[number];

/** Whether a script can be made for a shell of that name. */
export function isShell(name: string): name is Shell {
  return SHELLS.some((shell) => shell === name);
}

/** An option as shells complete it. */
interface Completed {
  /** Its spellings with dashes. */
  readonly words: readonly string[];
  readonly help: string;
  readonly takesValue: boolean;
  readonly placeholder: string;
  readonly completion: Completion;
}

/** What can be typed after a command or one of its subcommands. */
interface Scope {
  /** Name of the subcommand; "" for the command itself. */
  readonly name: string;
  /** Words that choose it from anywhere in the line. */
  readonly modes: readonly string[];
  readonly about: string;
  readonly options: readonly Completed[];
  /** What completes its operands. */
  readonly operand: Completion;
}

function completed([key, entry]: readonly [string, AnyOption]): Completed {
  const { short, dash, help } = entry;
  const off = entry.form === "flag" && entry.default ? "no-" : "";
  const dashed = [short, dash].filter((name) => name !== undefined).map((name) => `-${name}`);
  const words = [...dashed, `--${off}${longName(key)}`];
  if (entry.form === "flag") {
    return { words, help, takesValue: false, placeholder: "", completion: undefined };
  }
  const { placeholder, completion } = entry.kind;
  return { words, help, takesValue: true, placeholder, completion };
}

const HELP: Completed = {
  words: ["-h", "--help"],
  ...{ help: "show help", takesValue: false, placeholder: "", completion: undefined },
};
const VERSION: Completed = { ...HELP, words: ["--version"], help: "show the version" };

function scopeOf(command: Command, name: string): Scope {
  const options = Object.entries(command.options).filter(([, { hidden }]) => !hidden);
  const own = options.map(completed);
  const operand = Object.values(command.operands)[0]?.kind.completion;
  const common = name === "" ? [HELP, VERSION] : [HELP];
  const { about, modes } = command;
  return { name, modes, about, options: [...own, ...common], operand };
}

const COMPLETIONS: Scope = {
  name: "completions",
  about: "print a script for a shell",
  ...{ modes: [], options: [HELP], operand: SHELLS },
};

function scopesOf(command: Command): Scope[] {
  const children = command.commands.map((child) => scopeOf(child, child.name));
  return [scopeOf(command, ""), ...children, COMPLETIONS];
}

/** A text in single quotes, as POSIX shells read it. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

const wordsOf = ({ options }: Scope) => options.flatMap(({ words }) => words);

/** Names of functions have no dashes. */
const identifier = (name: string) => `_${name.replace(/\W/g, "_")}`;

/** A script that completes a command in a shell. */
export function completionScript(command: Command, shell: Shell): string {
  const make = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  return make(command.name, scopesOf(command));
}

// bash

function bashReply(completion: Completion): string {
  if (completion === "file") {
    return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")`;
  }
  if (completion === "folder") {
    return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word")`;
  }
  if (completion === undefined) return "COMPREPLY=()";
  return bashWords(completion);
}

function bashWords(words: readonly string[]): string {
  return `mapfile -t COMPREPLY < <(compgen -W ${quoted(words.join(" "))} -- "$word")`;
}

function bashScope(scope: Scope, names: readonly string[]): string[] {
  const values = scope.options.filter(({ takesValue }) => takesValue)
    .map(({ words, completion }) => `        ${words.join("|")}) ${bashReply(completion)} ;;`);
  const first = scope.name === "" && names.length > 0
    ? [`          if ((COMP_CWORD == 1)) && [[ $word != -* ]]; then ${bashWords(names)}; fi`]
    : [];
  return [
    `    ${quoted(scope.name)})`,
    `      case "$before" in`,
    ...values,
    `        *)`,
    `          if [[ $word == -* ]]; then ${bashWords(wordsOf(scope))}`,
    `          else ${bashReply(scope.operand)}; fi`,
    ...first,
    `          ;;`,
    `      esac ;;`,
  ];
}

/** Finds the word, the one before it, and the subcommand of a line. */
function bashLine(scopes: readonly Scope[], names: readonly string[]): string[] {
  const modes = scopes.filter((scope) => scope.modes.length > 0)
    .map((scope) => `      ${scope.modes.join("|")}) scope=${quoted(scope.name)} ;;`);
  return [
    `  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} scope='' each`,
    `  # --name=value comes as three words.`,
    `  if [[ $word == = ]]; then word=''`,
    `  elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi`,
    `  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    case "$each" in`,
    ...(modes.length > 0 ? modes : [`      '') ;;`]),
    `    esac`,
    `  done`,
    `  if ((COMP_CWORD > 1)); then`,
    `    case "\${COMP_WORDS[1]}" in`,
    `      ${names.join("|")}) scope=\${COMP_WORDS[1]} ;;`,
    `    esac`,
    `  fi`,
  ];
}

function bashScript(name: string, scopes: readonly Scope[]): string {
  const names = scopes.map((scope) => scope.name).filter((word) => word !== "");
  return [
    `# ${name}: completion for bash; source this, or put it where bash-completion looks:`,
    `#   ${name} completions bash > ~/.local/share/bash-completion/completions/${name}`,
    `${identifier(name)}() {`,
    ...bashLine(scopes, names),
    `  COMPREPLY=()`,
    `  case "$scope" in`,
    ...scopes.flatMap((scope) => bashScope(scope, names)),
    `  esac`,
    `}`,
    `complete -F ${identifier(name)} ${name}`,
    ``,
  ].join("\n");
}

// zsh

/** A text inside the brackets and colons of `_arguments`. */
const zshText = (text: string) => text.replace(/[\\[\]:]/g, "\\$&");

function zshAction(completion: Completion): string {
  if (completion === "file") return "_files";
  if (completion === "folder") return "_files -/";
  return completion === undefined ? "" : `(${completion.join(" ")})`;
}

function zshOption({ words, help, takesValue, placeholder, completion }: Completed): string[] {
  const value = takesValue ? `:${zshText(placeholder)}:${zshAction(completion)}` : "";
  return words.map((word) => {
    const equals = takesValue && word.startsWith("--") ? "=" : "";
    return quoted(`*${word}${equals}[${zshText(help)}]${value}`);
  });
}

function zshArguments(scope: Scope): string {
  const words = [
    ...scope.options.flatMap(zshOption),
    quoted(`*:argument:${zshAction(scope.operand)}`),
  ];
  return `_arguments -S ${words.join(" ")}`;
}

function zshScript(name: string, scopes: readonly Scope[]): string {
  const children = scopes.filter((scope) => scope.name !== "");
  const modes = children.filter((scope) => scope.modes.length > 0).map((scope) =>
    `    ${scope.modes.join("|")}) scope=${quoted(scope.name)} ;;`
  );
  return [
    `#compdef ${name}`,
    `# ${name}: completion for zsh; put it into a folder of $fpath as _${name}.`,
    `${identifier(name)}() {`,
    `  local scope='' each`,
    `  local -a commands=(`,
    ...children.map((scope) => `    ${quoted(`${zshText(scope.name)}:${scope.about}`)}`),
    `  )`,
    `  for each in "\${(@)words[2,CURRENT-1]}"; do case "$each" in`,
    ...(modes.length > 0 ? modes : ["    '') ;;"]),
    `  esac; done`,
    `  if (( CURRENT > 2 )); then case "$words[2]" in`,
    `    ${children.map((scope) => scope.name).join("|")})`,
    `      scope=$words[2]; shift words; (( CURRENT-- )) ;;`,
    `  esac; fi`,
    `  if (( CURRENT == 2 )) && [[ -z $scope && $PREFIX != -* ]]; then`,
    `    _describe command commands`,
    `  fi`,
    `  case "$scope" in`,
    ...scopes.map((scope) => `    ${quoted(scope.name)}) ${zshArguments(scope)} ;;`),
    `  esac`,
    `}`,
    `if [[ "$funcstack[1]" == _${name} ]]; then ${identifier(name)} "$@"`,
    `else compdef ${identifier(name)} ${name}; fi`,
    ``,
  ].join("\n");
}

// fish

/** A text in single quotes, as fish reads it. */
const fishQuoted = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;

function fishValue({ takesValue, completion }: Completed): string {
  if (!takesValue) return "";
  if (completion === "file") return " -r -F";
  if (completion === "folder") return ` -x -a '(__fish_complete_directories)'`;
  return completion === undefined ? " -x" : ` -x -a ${fishQuoted(completion.join(" "))}`;
}

function fishName(word: string): string {
  if (word.startsWith("--")) return `-l ${word.slice(2)}`;
  return word.length === 2 ? `-s ${word.slice(1)}` : `-o ${word.slice(1)}`;
}

function fishScope(name: string, scope: Scope, condition: string): string[] {
  const line = `complete -c ${name} -n ${fishQuoted(condition)}`;
  const { operand } = scope;
  const own = operand === undefined
    ? []
    : operand === "file"
    ? [`${line} -F`]
    : operand === "folder"
    ? [`${line} -a '(__fish_complete_directories)'`]
    : [`${line} -a ${fishQuoted(operand.join(" "))}`];
  const options = scope.options.map((option) => {
    const names = option.words.map(fishName).join(" ");
    return `${line} ${names}${fishValue(option)} -d ${fishQuoted(option.help)}`;
  });
  return [...own, ...options];
}

function fishScript(name: string, scopes: readonly Scope[]): string {
  const children = scopes.filter((scope) => scope.name !== "");
  const chooses = children.flatMap((scope) => [scope.name, ...scope.modes]);
  const none = `not __fish_seen_subcommand_from ${chooses.join(" ")}`;
  return [
    `# ${name}: completion for fish; put it into ~/.config/fish/completions/${name}.fish`,
    `complete -c ${name} -f`,
    ...children.map((scope) =>
      `complete -c ${name} -n ${fishQuoted(none)} -a ${scope.name} -d ${fishQuoted(scope.about)}`
    ),
    ...scopes.flatMap((scope) => {
      const seen = `__fish_seen_subcommand_from ${[scope.name, ...scope.modes].join(" ")}`;
      return fishScope(name, scope, scope.name === "" ? none : seen);
    }),
    ``,
  ].join("\n");
}
