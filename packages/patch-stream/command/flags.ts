/**
 * Flags of the command, made from the table of configuration fields: `kKeep` is `--k-keep`, a
 * switch that is on by default is turned off by `--no-…`.
 *
 * @module
 */
import { UsageError } from "@vcs/transport/internal";
import { parseArgs } from "node:util";
import type { PatchStreamConfig } from "../config.ts";
import { DECODE_FIELDS, PROCESS_FIELDS } from "../config/fields.ts";
import type { Field } from "../config/field_kinds.ts";

/** A flag that is no configuration field. */
export interface CommandFlag {
  /** One letter for short. */
  readonly short?: string;
  /** What a value looks like; not set for a switch. */
  readonly shape?: string;
}

/** What a command line says. */
export interface CommandLine {
  /** Values of the command's own flags. */
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  /** The configuration, without the video. */
  readonly config: Omit<PatchStreamConfig, "videoPath">;
  /** What is not a flag. */
  readonly operands: readonly string[];
}

const FIELDS: Readonly<Record<string, Field<unknown>>> = { ...DECODE_FIELDS, ...PROCESS_FIELDS };

/** Fields by the name of their flag. */
const BY_FLAG = new Map(
  Object.entries(FIELDS).map(([name, field]) => [flagOf(name), { name, field }]),
);

/** `kKeep` as `k-keep`. */
function flagOf(name: string): string {
  return name.replace(/[A-Z0-9]+/g, (run) => /\d/.test(run) ? run : `-${run.toLowerCase()}`);
}

/**
 * Reads a command line.
 *
 * @throws {UsageError} for an unknown flag, or a value that its field does not allow
 */
export function readCommandLine(
  args: string[],
  flags: Readonly<Record<string, CommandFlag>>,
): CommandLine {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const [flag, { short, shape }] of Object.entries(flags)) {
    options[flag] = { type: shape ? "string" : "boolean", ...(short && { short }) };
  }
  for (const [flag, { field }] of BY_FLAG) {
    options[flag] = { type: field.shape ? "string" : "boolean" };
  }
  const { values, positionals } = parse(args, options);
  const config: Record<string, unknown> = {};
  for (const [flag, { name, field }] of BY_FLAG) {
    const value = values[flag];
    if (value !== undefined) config[name] = checked(flag, field, value);
  }
  return { values, config, operands: positionals };
}

function parse(
  args: string[],
  options: Record<string, { type: "string" | "boolean"; short?: string }>,
) {
  try {
    const parsed = parseArgs({ args, options, allowPositionals: true, allowNegative: true });
    return {
      values: parsed.values as Record<string, string | boolean | undefined>,
      positionals: parsed.positionals,
    };
  } catch (error) {
    throw new UsageError((error as Error).message.split(". ")[0]!, { cause: error });
  }
}

function checked(flag: string, field: Field<unknown>, value: string | boolean): unknown {
  try {
    return field.check(typeof value === "string" ? field.parse(value) : value, `--${flag}`);
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** Lines of `--help` for some fields: flag, meaning, default. */
export function helpLines(names: readonly string[]): string[] {
  return names.map((name) => {
    const { shape, help, fallback } = FIELDS[name]!;
    const flag = `  --${flagOf(name)}${shape ? ` <${shape}>` : ""}`;
    const preset = shape && fallback !== undefined ? ` (${fallback})` : "";
    return `${flag.padEnd(46)} ${help}${preset}`;
  });
}

/** The flags of all other fields, in as many lines as they need. */
export function otherFlags(names: readonly string[], width = 98): string[] {
  const lines: string[] = ["  "];
  for (const [name, { shape, fallback }] of Object.entries(FIELDS)) {
    if (names.includes(name)) continue;
    const no = fallback === true ? "no-" : "";
    const words = shape && shape.length > 24 ? "word" : shape;
    const flag = `--${no}${flagOf(name)}${words ? ` <${words}>` : ""}  `;
    if (lines.at(-1)!.length + flag.length > width) lines.push("  ");
    lines[lines.length - 1] += flag;
  }
  return lines.map((line) => line.trimEnd());
}
