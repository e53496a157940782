/**
 * Arithmetic on the sizes of axes, where a size is a number or a symbol: an axis of unknown length
 * `T` becomes `8*T + 8` after a transposed convolution and `T` again after the strided one, so
 * that a graph with open axes can still be checked as it is built.
 *
 * A symbolic size is kept in one canonical text, a sum such as `320*T - 1` over names and over
 * whole `floor(…)`, `max(…)` and product terms; equal sizes therefore have equal texts.
 *
 * @example
 * ```ts
 * import { addDims, divideDim, scaleDim } from "@vcs/onnx";
 * import assert from "node:assert/strict";
 *
 * const samples = addDims(scaleDim("T", 320), 6);
 * assert.equal(samples, "320*T + 6");
 * assert.equal(divideDim(addDims(samples, -6), 4), "80*T");
 * assert.equal(divideDim("T", 4), "floor((T)/4)");
 * ```
 *
 * @module
 */

/** Size of an axis: a whole number, or a symbol for one that is known only when the graph runs. */
export type Dim = number | string;

/** A sum of symbolic terms with whole factors, and a constant. */
interface Sum {
  readonly constant: number;
  readonly terms: ReadonlyMap<string, number>;
}

/** Splits a text at the signs outside all brackets. */
function* signedTerms(text: string): Generator<{ sign: number; body: string }> {
  let depth = 0;
  let sign = 1;
  let body = "";
  for (const c of text.replaceAll(" ", "")) {
    if (c === "(") depth++;
    if (c === ")") depth--;
    if (depth === 0 && (c === "+" || c === "-")) {
      if (body) yield { sign, body };
      sign = c === "-" ? -1 : 1;
      body = "";
    } else body += c;
  }
  if (body) yield { sign, body };
}

function parse(dim: Dim): Sum {
  if (typeof dim === "number") return { constant: dim, terms: new Map() };
  let constant = 0;
  const terms = new Map<string, number>();
  for (const { sign, body } of signedTerms(dim)) {
    const [, digits, name] = /^(?:(\d+)(?:\*|$))?(.*)$/.exec(body) ?? [];
    const factor = sign * Number(digits ?? 1);
    if (name) terms.set(name, (terms.get(name) ?? 0) + factor);
    else constant += factor;
  }
  return { constant, terms };
}

function format({ constant, terms }: Sum): Dim {
  const parts = [...terms].filter(([, factor]) => factor !== 0)
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .map(([name, factor]) => ({
      factor,
      text: Math.abs(factor) === 1 ? name : `${Math.abs(factor)}*${name}`,
    }));
  if (parts.length === 0) return constant;
  if (constant !== 0) parts.push({ factor: constant, text: `${Math.abs(constant)}` });
  return parts.map(({ factor, text }, i) =>
    i === 0 ? (factor < 0 ? `-${text}` : text) : `${factor < 0 ? " - " : " + "}${text}`
  ).join("");
}

/** Brings a size into its canonical text, so that equal sizes are equal values. */
export function canonicalDim(dim: Dim): Dim {
  return format(parse(dim));
}

/** Sum of two sizes. */
export function addDims(a: Dim, b: Dim): Dim {
  const left = parse(a);
  const right = parse(b);
  const terms = new Map(left.terms);
  for (const [name, factor] of right.terms) terms.set(name, (terms.get(name) ?? 0) + factor);
  return format({ constant: left.constant + right.constant, terms });
}

/** A size times a whole number. */
export function scaleDim(dim: Dim, factor: number): Dim {
  const { constant, terms } = parse(dim);
  return format({
    constant: constant * factor,
    terms: new Map([...terms].map(([name, f]) => [name, f * factor])),
  });
}

/** A size divided by a whole number and rounded down. */
export function divideDim(dim: Dim, divisor: number): Dim {
  const { constant, terms } = parse(dim);
  const whole = new Map<string, number>();
  const rest = new Map<string, number>();
  for (const [name, factor] of terms) {
    if (factor % divisor === 0) whole.set(name, factor / divisor);
    else rest.set(name, factor);
  }
  const quotient = Math.floor(constant / divisor);
  if (rest.size > 0) {
    const inner = format({ constant: constant - quotient * divisor, terms: rest });
    whole.set(`floor((${inner})/${divisor})`.replaceAll(" ", ""), 1);
  }
  return format({ constant: quotient, terms: whole });
}

function gcd(a: number, b: number): number {
  return b === 0 ? Math.abs(a) : gcd(b, a % b);
}

/** Splits a term at its multiplication signs outside all brackets. */
function splitFactors(text: string): string[] {
  let depth = 0;
  const factors = [""];
  for (const c of text) {
    if (c === "(") depth++;
    if (c === ")") depth--;
    if (depth === 0 && c === "*") factors.push("");
    else factors[factors.length - 1] += c;
  }
  return factors.map((f) => /^\(.*\)$/.test(f) ? f.slice(1, -1) : f);
}

/** A product as a whole factor and the symbolic factors left, in order. */
function product(dims: readonly Dim[]): { factor: number; names: string[] } {
  let factor = 1;
  const names: string[] = [];
  for (const dim of dims) {
    const { constant, terms } = parse(dim);
    const common = [...terms.values()].reduce(gcd, Math.abs(constant)) || 1;
    if (terms.size === 0) factor *= constant;
    else {
      factor *= common;
      const rest = String(divideDim(dim, common)).replaceAll(" ", "");
      const single = terms.size === 1 && constant === 0;
      names.push(...(single ? splitFactors(rest) : [rest]));
    }
  }
  return { factor, names: names.sort() };
}

/** Product of sizes: of a shape, its number of elements. */
export function multiplyDims(dims: readonly Dim[]): Dim {
  const { factor, names } = product(dims);
  if (names.length === 0 || factor === 0) return factor;
  if (names.length === 1) return scaleDim(names[0]!, factor);
  const text = names.map((n) => /^\w+$/.test(n) ? n : `(${n})`).join("*");
  return factor === 1 ? text : `${factor}*${text}`;
}

/** Whether two sizes are the same for every value of their symbols. */
export function sameDim(a: Dim, b: Dim): boolean {
  return canonicalDim(a) === canonicalDim(b);
}

/** Whether two shapes hold the same number of elements for every value of their symbols. */
export function sameCount(a: readonly Dim[], b: readonly Dim[]): boolean {
  const left = product(a);
  const right = product(b);
  return left.factor === right.factor && left.names.join() === right.names.join();
}

/** A shape as text, as in `[1, 512, 8*T]`. */
export function formatShape(shape: readonly Dim[]): string {
  return `[${shape.join(", ")}]`;
}
