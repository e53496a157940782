/**
 * The header of an npy file: magic, version, length, and a Python dictionary with exactly three
 * keys. It is read by a small tokenizer for that one shape of dictionary.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { type DType, tensorByteLength, type TensorInfo } from "../tensor.ts";

/** What a header says. */
export interface NpyHeader extends TensorInfo {
  /** Whether numbers have their most significant byte first. */
  readonly bigEndian: boolean;
  /** Whether the first axis varies fastest. */
  readonly fortran: boolean;
  /** Where the data begins. */
  readonly dataOffset: number;
}

/** Bytes before the header's text in version 1.0; later versions have two more. */
export const NPY_MIN_PREFIX = 10;
/** Bytes that always suffice to find the header's length. */
export const NPY_MAX_PREFIX = 12;
/** Longest header: that of 32 axes has under 1 KB. */
const MAX_HEADER = 1 << 16;
const MAX_AXES = 64;
const MAGIC = "\u0093NUMPY";
const ALIGNMENT = 64;

/** NumPy's type codes; the byte order stands before them. */
const CODES: Readonly<Record<string, DType>> = {
  "b1": "BOOL",
  "?": "BOOL",
  "u1": "U8",
  "i1": "I8",
  "u2": "U16",
  "i2": "I16",
  "u4": "U32",
  "i4": "I32",
  "u8": "U64",
  "i8": "I64",
  "f2": "F16",
  "f4": "F32",
  "f8": "F64",
  "c8": "C64",
};

function invalid(what: string): TransportError {
  return new TransportError("format", `Cannot read the npy header: ${what}`);
}

/** Where the header's text begins and ends, from the first bytes of a file. */
function headerSpan(bytes: Uint8Array): [start: number, end: number] {
  if (String.fromCharCode(...bytes.subarray(0, 6)) !== MAGIC) {
    throw invalid("the file does not begin with NumPy's magic string");
  }
  const major = bytes[6] ?? 0;
  const start = major === 1 ? NPY_MIN_PREFIX : NPY_MAX_PREFIX;
  if (bytes.length < start) {
    throw new TransportError("truncated", `Cannot read the npy header: ${bytes.length} bytes`);
  }
  if (major < 1 || major > 3 || bytes[7] !== 0) {
    throw new TransportError(
      "unsupported",
      `Cannot read the npy header: version ${major}.${bytes[7]}, expected 1.0 to 3.0`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length <= MAX_HEADER) return [start, start + length];
  throw new TransportError(
    "limit",
    `Cannot read the npy header: it claims ${length} bytes, expected at most ${MAX_HEADER}`,
  );
}

/**
 * Bytes from the start of the file to its data.
 *
 * @param prefix the first {@linkcode NPY_MAX_PREFIX} bytes, or the whole file where it is shorter
 * @throws {TransportError} `format`, `truncated`, `unsupported` or `limit`
 */
export function npyHeaderLength(prefix: Uint8Array): number {
  return headerSpan(prefix)[1];
}

/** As Python has them: no other white space, and no zero before other digits. */
const TOKEN =
  /[ \t\r\n\f]*(?:([{}()[\]:,])|'([^'\\]*)'|"([^"\\]*)"|(0+|[1-9]\d*)L?\b|(True|False)\b)/y;

/** Splits the dictionary into tokens; strings keep a quote in front to distinguish them from words. */
function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const end = text.replace(/[ \t\r\n\f]+$/, "").length;
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < end;) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw invalid(`found ${JSON.stringify(text.slice(at, at + 20))} at ${at}`);
    const quoted = match[2] ?? match[3];
    tokens.push(quoted !== undefined ? `'${quoted}` : (match[1] ?? match[4] ?? match[5])!);
  }
  return tokens;
}

interface Fields {
  descr?: string;
  fortran_order?: boolean;
  shape?: number[];
}

class HeaderParser {
  readonly #tokens: string[];
  #at = 0;
  readonly fields: Fields = {};

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw invalid("it ends too early");
    return token;
  }

  #expect(wanted: string): void {
    const token = this.#next();
    if (token !== wanted) throw invalid(`expected ${wanted}, found ${token}`);
  }

  #skipComma(): void {
    if (this.#tokens[this.#at] === ",") this.#at++;
  }

  parse(): Required<Fields> {
    this.#expect("{");
    for (let token = this.#next(); token !== "}"; token = this.#next()) {
      this.#expect(":");
      this.#field(token);
      if (this.#tokens[this.#at] !== "}") this.#expect(",");
    }
    const { descr, fortran_order, shape } = this.fields;
    if (this.#at !== this.#tokens.length) throw invalid("more behind the dictionary");
    if (descr !== undefined && fortran_order !== undefined && shape) {
      return { descr, fortran_order, shape };
    }
    throw invalid("descr, fortran_order and shape are not all there");
  }

  #field(key: string): void {
    const known = { "'descr": "descr", "'fortran_order": "fortran_order", "'shape": "shape" };
    const name = Object.hasOwn(known, key) ? known[key as keyof typeof known] : undefined;
    if (name === undefined) throw invalid(`unknown key ${key}`);
    if (Object.hasOwn(this.fields, name)) throw invalid(`key ${name} for the second time`);
    if (name === "descr") this.fields.descr = this.#descr();
    else if (name === "fortran_order") this.fields.fortran_order = this.#boolean();
    else this.fields.shape = this.#shape();
  }

  #descr(): string {
    const token = this.#next();
    if (token.startsWith("'")) return token.slice(1);
    if (token !== "[") throw invalid("descr is not a string");
    throw new TransportError("unsupported", "Cannot read the npy file: its dtype is structured");
  }

  #boolean(): boolean {
    const token = this.#next();
    if (token === "True" || token === "False") return token === "True";
    throw invalid("fortran_order is neither True nor False");
  }

  /** A tuple of numbers; (5) without a comma is a number in Python, not a shape. */
  #shape(): number[] {
    this.#expect("(");
    const shape: number[] = [];
    let comma = true;
    for (let token = this.#next(); token !== ")"; token = this.#next()) {
      if (!/^\d+$/.test(token) || !comma) throw invalid("shape is not a tuple of whole numbers");
      if (shape.push(Number(token)) > MAX_AXES) throw invalid(`more than ${MAX_AXES} axes`);
      const at = this.#at;
      this.#skipComma();
      comma = this.#at > at;
    }
    if (shape.length === 1 && !comma) throw invalid("shape is not a tuple");
    return shape;
  }
}

function parseDescr(descr: string): { dtype: DType; bigEndian: boolean } {
  const [, order, code] = /^([<>=|]?)(.*)$/s.exec(descr)!;
  if (code !== undefined && Object.hasOwn(CODES, code)) {
    return { dtype: CODES[code]!, bigEndian: order === ">" };
  }
  const what = code?.startsWith("O")
    ? "it is an object array, which holds a pickle"
    : `its dtype is ${JSON.stringify(descr)}`;
  throw new TransportError(
    "unsupported",
    `Cannot read the npy file: ${what}; expected numbers or booleans of up to 8 bytes`,
  );
}

/**
 * Parses and checks a header.
 *
 * @param bytes the file, or at least all of its header
 * @throws {TransportError} `format`, `truncated`, `unsupported` or `limit`
 */
export function parseNpyHeader(bytes: Uint8Array): NpyHeader {
  const [start, end] = headerSpan(bytes);
  if (end > bytes.length) {
    throw new TransportError(
      "truncated",
      `Cannot read the npy header: it ends at ${end}, the file at ${bytes.length}`,
    );
  }
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, end));
  const { descr, fortran_order, shape } = new HeaderParser(text).parse();
  const { dtype, bigEndian } = parseDescr(descr);
  try {
    tensorByteLength(dtype, shape);
  } catch (cause) {
    throw new TransportError("limit", "Cannot read the npy header: the shape is too large", {
      cause,
    });
  }
  return { dtype, shape, bigEndian, fortran: fortran_order, dataOffset: end };
}

/**
 * Makes a header, padded so that the data lies at a multiple of 64 bytes, as NumPy does.
 *
 * @throws {TypeError} for dtypes that NumPy does not have
 */
export function encodeNpyHeader({ dtype, shape }: TensorInfo): Uint8Array<ArrayBuffer> {
  const code = Object.keys(CODES).find((key) => CODES[key] === dtype);
  if (code === undefined) {
    throw new TypeError(`Cannot write an npy file of ${dtype}: NumPy has no such dtype`);
  }
  const order = tensorByteLength(dtype, [1]) === 1 ? "|" : "<";
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const size = Math.ceil((10 + dict.length + 1) / ALIGNMENT) * ALIGNMENT;
  const text = `${dict.padEnd(size - 11)}\n`;
  const bytes = new Uint8Array(size);
  bytes.set(Uint8Array.from(`${MAGIC}\u0001\u0000`, (char) => char.charCodeAt(0)));
  new DataView(bytes.buffer).setUint16(8, text.length, true);
  bytes.set(new TextEncoder().encode(text), 10);
  return bytes;
}
