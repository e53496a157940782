/**
 * `--help`, and the same tables as Markdown for a README.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { type AnyOption, defaultText, longName, type OptionTable } from "./options.ts";
import { operandUsage } from "./parse.ts";

/** Columns of the help. */
const WIDTH = 90;
/** Columns of what is typed; what is longer gets a line of its own. */
const NAMES = 26;

type Row = readonly [typed: string, meaning: string];

/** How an option is written: `-n, --times N`. */
function typedAs(key: string, entry: AnyOption): string {
  const off = entry.form === "flag" && entry.default ? "no-" : "";
  const names = [
    ...[entry.short, entry.dash].filter((name) => name !== undefined).map((name) => `-${name}`),
    `--${off}${longName(key)}`,
  ];
  const value = entry.form === "flag" ? "" : ` ${entry.kind.placeholder}`;
  return names.join(", ") + value;
}

/** A few words as a sentence. */
function sentence(text: string): string {
  const end = /[.!?…]$/.test(text) ? "" : ".";
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}${end}`;
}

/** What an option does, its default, its variable. */
function meaningOf(entry: AnyOption): string {
  const preset = defaultText(entry);
  return [
    entry.help,
    ...(preset === undefined ? [] : [`Default: ${preset}`]),
    ...(entry.env === undefined
      ? []
      : [`Variable: ${entry.env}${entry.isSecret ? ` or ${entry.env}_FILE` : ""}`]),
  ].map(sentence).join(" ");
}

function shown(table: OptionTable): [string, AnyOption][] {
  return Object.entries(table).filter(([, entry]) => !entry.hidden);
}

function optionRows(entries: readonly (readonly [string, AnyOption])[]): Row[] {
  return entries.map(([key, entry]) => [typedAs(key, entry), meaningOf(entry)] as const);
}

/** Breaks a text into lines of at most so many columns. */
function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

function section(heading: string, rows: readonly Row[]): string[] {
  if (rows.length === 0) return [];
  const column = Math.min(NAMES, Math.max(...rows.map(([typed]) => typed.length)));
  const lines = rows.flatMap(([typed, meaning]) => {
    const [first = "", ...more] = wrapped(meaning, WIDTH - column - 4);
    const indented = more.map((line) => `${" ".repeat(column + 4)}${line}`);
    return typed.length <= column
      ? [`  ${typed.padEnd(column)}  ${first}`, ...indented]
      : [`  ${typed}`, `${" ".repeat(column + 4)}${first}`, ...indented];
  });
  return ["", heading, ...lines];
}

function optionSections(table: OptionTable, further: readonly Row[]): string[] {
  const groups = Map.groupBy(shown(table), ([, entry]) => entry.group ?? "Options");
  const options = groups.get("Options") ?? [];
  groups.delete("Options");
  return [
    ...[...groups].flatMap(([heading, entries]) => section(heading, optionRows(entries))),
    ...section("Options", [...optionRows(options), ...further]),
  ];
}

/** Ways to use a command: `transport send [options] URL`. */
function usage(root: Command, target: Command): string {
  const name = target === root ? root.name : `${root.name} ${target.modes[0] ?? target.name}`;
  const options = shown(target.options).length > 0 ? " [options]" : "";
  return `${name}${options} ${operandUsage(target.operands)}`.trimEnd();
}

function commandRows(root: Command): Row[] {
  if (root.commands.length === 0) return [];
  const rows = root.commands.map((child): Row => [
    `${child.modes[0] ?? child.name} ${operandUsage(child.operands)}`.trimEnd(),
    sentence(child.about),
  ]);
  return [...rows, ["completions SHELL", "A script that completes it in bash, zsh or fish."]];
}

/**
 * The text of `--help`.
 *
 * @param root the whole command
 * @param target the command that it is about: the whole one, or one of its subcommands
 */
export function helpText(root: Command, target: Command): string {
  const isRoot = target === root;
  const title = isRoot ? `${root.name}: ${target.about}` : sentence(target.about);
  const ways = [
    ...(target.runs ? [usage(root, target)] : []),
    ...(isRoot && root.commands.length > 0 ? [`${root.name} COMMAND …`] : []),
  ];
  const operands = Object.values(target.operands).map(({ kind, help }): Row => [
    kind.placeholder,
    sentence(help),
  ]);
  const further: Row[] = [["-h, --help", "This text."]];
  if (isRoot) further.push(["--version", "Name and version."]);
  return [
    ...wrapped(title, WIDTH),
    "",
    ...ways.map((way, i) => `${i === 0 ? "Usage:" : "      "} ${way}`),
    ...section("Arguments", operands),
    ...(isRoot ? section("Commands", commandRows(root)) : []),
    ...optionSections(target.options, further),
    ...(target.notes === undefined ? [] : ["", target.notes.trimEnd()]),
    ...(isRoot && root.commands.length > 0
      ? ["", `${root.name} COMMAND --help says more about one command.`]
      : []),
  ].join("\n");
}

/** Rows as Markdown, in columns of equal width as the formatter has them. */
function markdownTable(head: Row, rows: readonly Row[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[], fill = " ") =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0, fill)).join(" | ")} |`;
  const [first = [], ...others] = cells;
  return [line(first), line(["", ""], "-"), ...others.map((row) => line(row))].join("\n");
}

/**
 * A README's table about a command: its subcommands, and the options of each.
 *
 * @example
 * ```ts
 * import { command, flag, readmeTable } from "@vcs/transport/internal";
 * import assert from "node:assert/strict";
 *
 * const hello = command({ name: "hello", about: "Say hello", options: { loud: flag({ help: "in capitals" }) } });
 * assert.equal(readmeTable(hello), "| option   | meaning      |\n| -------- | ------------ |\n| `--loud` | In capitals. |");
 * ```
 */
export function readmeTable(root: Command): string {
  const tables = [
    ...(root.commands.length > 0 ? [commandTable(root)] : []),
    ...optionTables(root),
  ];
  return tables.join("\n\n");
}

function commandTable(root: Command): string {
  return markdownTable(
    ["command", "what it does"],
    commandRows(root).map(([typed, about]): Row => [`\`${typed}\``, about]),
  );
}

function optionTables(root: Command): string[] {
  const owners = [root, ...root.commands].filter(({ options }) => shown(options).length > 0);
  return owners.map((owner) =>
    markdownTable(
      [owner === root ? "option" : `option of \`${owner.name}\``, "meaning"],
      optionRows(shown(owner.options)).map(([typed, meaning]): Row => [`\`${typed}\``, meaning]),
    )
  );
}
