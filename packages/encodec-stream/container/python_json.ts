/**
 * JSON as Python reads and writes it: integers and floats are different, numbers of any size survive,
 * text is written as ASCII. Headers of `.ecdc` files are compared byte for byte, so the digits matter.
 *
 * @module
 */

/** A number that was written with a fraction or an exponent, or is too large for a double. */
export class PythonNumber {
  /** The value as a double. */
  readonly value: number;
  /** How Python would print it. */
  readonly text: string;

  /** Keeps a number's literal. */
  constructor(literal: string) {
    this.value = Number(literal);
    this.text = /[.eE]/.test(literal) ? formatFloat(this.value) : literal;
  }
}

/** A value of JSON; floats and integers beyond 2^53 are a {@linkcode PythonNumber}. */
export type Json = null | boolean | number | string | PythonNumber | Json[] | {
  [key: string]: Json;
};

/** A float as Python's `repr` prints it: `10.0`, `0.1`, `1e-05`, `1e+16`. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : value < 0 ? "-Infinity" : "NaN";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 16) {
    const significant = digits.replace(/[-.]/g, "").length;
    const plain = exponent < 0 ? value.toFixed(significant - 1 - exponent) : `${value}`;
    return plain.includes(".") ? plain : `${plain}.0`;
  }
  const sign = exponent < 0 ? "-" : "+";
  return `${digits}e${sign}${`${Math.abs(exponent)}`.padStart(2, "0")}`;
}

/** An integer without a fraction, anything else as Python's float. */
export function formatNumber(value: number): string {
  return Number.isInteger(value) ? `${value}` : formatFloat(value);
}

/** A string or a number of JSON. */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function numberOf(literal: string): number | PythonNumber {
  const value = Number(literal);
  const isInteger = Number.isSafeInteger(value) && /^-?\d+$/.test(literal);
  return isInteger ? value : new PythonNumber(literal);
}

/** Takes the marks off: `s` before strings and keys, `n` before literals of numbers. */
function unmarked(value: unknown): Json {
  if (typeof value === "string") {
    return value.startsWith("s") ? value.slice(1) : numberOf(value.slice(1));
  }
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== "object" || value === null) return value as boolean | null;
  const entries = Object.entries(value).map(([key, inner]) => [key.slice(1), unmarked(inner)]);
  return Object.fromEntries(entries);
}

/**
 * Parses JSON text.
 *
 * @throws {SyntaxError} if the text is not JSON.
 */
export function parseJson(text: string): Json {
  JSON.parse(text);
  // `JSON.parse` itself passes literals on only in newer runtimes: here they come as strings.
  const marked = text.replace(
    STRING_OR_NUMBER,
    (token) => token.startsWith('"') ? `"s${token.slice(1)}` : `"n${token}"`,
  );
  return unmarked(JSON.parse(marked));
}

/** A string in quotes with every character outside printable ASCII escaped. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Writes JSON as Python's `json.dumps` does.
 *
 * @param value what to write
 * @param blanks whether a blank follows each comma and colon, as in Python. Default: true.
 */
export function formatJson(value: Json, blanks = true): string {
  const [comma, colon] = blanks ? [", ", ": "] : [",", ":"];
  const write = (v: Json): string => {
    if (v instanceof PythonNumber) return v.text;
    if (typeof v === "string") return quote(v);
    if (typeof v === "number") return formatNumber(v);
    if (Array.isArray(v)) return `[${v.map(write).join(comma)}]`;
    if (typeof v !== "object" || v === null) return `${v}`;
    return `{${Object.entries(v).map(([k, x]) => `${quote(k)}${colon}${write(x)}`).join(comma)}}`;
  };
  return write(value);
}
