/**
 * JSON as RFC 8259 has it, with objects as `Map` (a key named `__proto__` is only a key), duplicate
 * keys refused, and a bound on nesting. `JSON.parse` silently keeps the last of two equal keys,
 * which lets two readers see different contents in one file.
 *
 * @module
 */
import { TransportError } from "../errors.ts";

/** Options of {@linkcode parseStrictJson}. */
export interface StrictJsonOptions {
  /** How deep objects and arrays may nest. */
  readonly maxDepth: number;
  /** How deep objects may nest. Default: as deep as arrays. */
  readonly maxObjectDepth?: number;
  /** What is being read, for messages. */
  readonly what: string;
  /** Whether numbers such as 2.0, 2e0 and -0 are refused. Default: false. */
  readonly wholeNumbers?: boolean;
  /** Most items of an array. Default: any number. */
  readonly maxItems?: number;
  /** Most keys of all objects together that are kept. Default: any number. */
  readonly maxKeys?: number;
  /** Turns each value of the outermost object into what is kept of it. Default: the value. */
  readonly member?: (key: string, value: unknown) => unknown;
}

const TOKEN =
  /[ \t\n\r]*(?:([{}[\]:,"])|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y;

class Parser {
  #at = 0;
  #depth = 0;
  #keys = 0;

  constructor(readonly text: string, readonly options: StrictJsonOptions) {}

  fail(what: string): never {
    throw new TransportError("format", `Cannot read ${this.options.what}: ${what} at ${this.#at}`);
  }

  /** The next token, as its text. */
  next(): string {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.text);
    if (!match) return this.fail("found no JSON");
    this.#at = TOKEN.lastIndex;
    if (match[1] === '"') return this.#quoted();
    return (match[1] ?? match[2] ?? match[3])!;
  }

  /** A string with its quotes: it ends at a quote that an even number of backslashes precedes. */
  #quoted(): string {
    const start = this.#at - 1;
    for (;;) {
      const quote = this.text.indexOf('"', this.#at);
      if (quote < 0) return this.fail("a string without an end");
      this.#at = quote + 1;
      let slashes = 0;
      while (this.text[quote - 1 - slashes] === "\\") slashes++;
      if (slashes % 2 === 0) return this.text.slice(start, this.#at);
    }
  }

  value(token: string): unknown {
    if (token === "{" || token === "[") return this.#nested(token);
    if ("}]:,".includes(token)) this.fail(`unexpected ${token}`);
    return token.startsWith('"') ? this.#string(token) : this.#literal(token);
  }

  #literal(token: string): unknown {
    const isFloat = /^-?\d.*[.eE]|^-0/.test(token);
    if (isFloat && this.options.wholeNumbers) this.fail(`${token.slice(0, 40)}, no whole number`);
    return JSON.parse(token);
  }

  #string(token: string): string {
    let text: string;
    try {
      text = JSON.parse(token);
    } catch {
      return this.fail("a string with a bad escape or a control character");
    }
    return text.isWellFormed() ? text : this.fail("a lone surrogate");
  }

  #nested(token: "{" | "["): unknown {
    const { maxDepth, maxObjectDepth = maxDepth } = this.options;
    const most = token === "{" ? maxObjectDepth : maxDepth;
    if (++this.#depth > most) this.fail(`nested deeper than ${most}`);
    const value = token === "{" ? this.#object() : this.#array();
    this.#depth--;
    return value;
  }

  #tooMuch(what: string): never {
    throw new TransportError("limit", `Cannot read ${this.options.what}: ${what}`);
  }

  #count(): void {
    const { maxKeys = Infinity } = this.options;
    if (++this.#keys > maxKeys) this.#tooMuch(`more than ${Math.floor(maxKeys)} names`);
  }

  #object(): Map<string, unknown> {
    const object = new Map<string, unknown>();
    let token = this.next();
    if (token === "}") return object;
    for (;;) {
      if (!token.startsWith('"')) this.fail("a key that is not a string");
      const key = this.#string(token);
      if (object.has(key)) this.fail(`key ${token} for the second time`);
      if (this.next() !== ":") this.fail("a key without a value");
      const isOutermost = this.#depth === 1;
      const value = this.value(this.next());
      this.#count();
      object.set(key, isOutermost ? this.options.member?.(key, value) ?? value : value);
      if (!this.#more("}")) return object;
      token = this.next();
    }
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    let token = this.next();
    if (token === "]") return array;
    for (;;) {
      if (array.push(this.value(token)) > (this.options.maxItems ?? Infinity)) {
        this.#tooMuch(`more than ${this.options.maxItems} items in a list`);
      }
      if (!this.#more("]")) return array;
      token = this.next();
    }
  }

  #more(close: string): boolean {
    const token = this.next();
    if (token !== close && token !== ",") this.fail(`expected a comma or ${close}`);
    return token === ",";
  }

  end(): void {
    if (/[^ \t\n\r]/.test(this.text.slice(this.#at))) this.fail("more behind the JSON");
  }
}

/**
 * Parses JSON text; objects become `Map`.
 *
 * @throws {TransportError} `format`: the text is not JSON, repeats a key or nests too deep;
 * `limit`: it has more items or keys than are allowed
 */
export function parseStrictJson(text: string, options: StrictJsonOptions): unknown {
  const parser = new Parser(text, options);
  const value = parser.value(parser.next());
  parser.end();
  return value;
}
