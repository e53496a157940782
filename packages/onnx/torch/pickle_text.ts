/**
 * Numbers and strings as the text opcodes of protocol 0 write them, each on a line of its own.
 *
 * @module
 */
import { narrow, pickleError } from "./pickle_input.ts";

/** A decimal integer, as protocol 0 writes it, with or without the L of long integers. */
export function parseDecimal(line: string): number | bigint {
  const digits = line.endsWith("L") ? line.slice(0, -1) : line;
  if (!/^[+-]?\d{1,2400}$/.test(digits)) {
    throw pickleError(`${JSON.stringify(line.slice(0, 40))} is not an integer`);
  }
  return narrow(
    digits.startsWith("-") ? -BigInt(digits.slice(1)) : BigInt(digits.replace("+", "")),
  );
}

/** Python's raw-unicode-escape, as the text protocol writes strings. */
export function unescapeUnicode(line: string): string {
  return line.replace(
    /\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g,
    (_, short: string | undefined, long: string | undefined) => {
      const code = parseInt(short ?? long!, 16);
      if (code > 0x10ffff) throw pickleError("a character above U+10FFFF");
      return String.fromCodePoint(code);
    },
  );
}

/** A quoted string of Python 2, with the escapes that `repr` makes. */
export function unquote(line: string): string {
  const match = /^(["'])(.*)\1$/.exec(line);
  if (!match) throw pickleError("a string without quotes");
  const plain: Record<string, string> = { n: "\n", r: "\r", t: "\t", "\\": "\\" };
  return match[2]!.replace(
    /\\(?:x([0-9a-fA-F]{2})|(.))/g,
    (_, hex: string | undefined, char: string) =>
      hex ? String.fromCharCode(parseInt(hex, 16)) : plain[char] ?? char,
  );
}

/** A float, as protocol 0 writes it. */
export function parseFloatLine(line: string): number {
  const words: Record<string, number> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
  const value = words[line] ?? (line.trim() === "" ? NaN : Number(line));
  if (Number.isNaN(value) && line !== "nan") throw pickleError("a float that is not a number");
  return value;
}
