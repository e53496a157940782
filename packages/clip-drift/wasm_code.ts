/**
 * As much of a WebAssembly assembler as the resize needs: code is arrays of bytes, built from the
 * inside out (WebAssembly core specification 2.0, sections 5.4 and 5.5). There is no toolchain and
 * no binary file; a module is assembled when first used, in well under a millisecond.
 *
 * @module
 */

/** Machine code of an expression or a statement. */
export type Code = readonly number[];

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a 32-bit number. */
function signed(value: number): number[] {
  const isLast = value >= -64 && value < 64;
  return isLast ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}

type Operator = (...operands: Code[]) => Code;
const scalar = (number: number): Operator => (...operands) => [...operands.flat(), number];
const vector = (number: number): Operator => (...operands) => [
  ...operands.flat(),
  0xfd,
  ...unsigned(number),
];
/** A load from an address, plus a constant offset; alignment is never promised. */
const load = (number: number) => (address: Code, offset = 0): Code => [
  ...address,
  ...[0xfd, ...unsigned(number), 0],
  ...unsigned(offset),
];

/** 32-bit integers. */
export const i32 = {
  /** A constant. */
  const: (value: number): Code => [0x41, ...signed(value)],
  /** Sum. */
  add: scalar(0x6a),
  /** Product. */
  mul: scalar(0x6c),
  /** Whether the first is less, both unsigned. */
  less: scalar(0x49),
  /** The number in memory. */
  load: (address: Code): Code => [...address, 0x28, 0, 0],
};

/** 128-bit vectors. */
export const v128 = {
  /** Sixteen bytes. */
  load: load(0),
  /** One 32-bit number in all four lanes. */
  loadSplat: load(9),
  /** One 32-bit number in the first lane, zeros in the others. */
  loadFirst: load(92),
  /** Stores sixteen bytes. */
  store: (address: Code, value: Code): Code => [...address, ...value, 0xfd, 11, 0, 0],
  /** Stores the first 32-bit lane. */
  storeFirst: (address: Code, value: Code): Code => [...address, ...value, 0xfd, 90, 0, 0, 0],
};

/** Lanes of 8 and 16 bits. */
export const lanes = {
  /** The lower eight bytes as 16-bit numbers. */
  widenBytesLow: vector(137),
  /** The upper eight bytes as 16-bit numbers. */
  widenBytesHigh: vector(138),
  /** Sixteen 16-bit numbers as bytes, held between 0 and 255. */
  narrowToBytes: vector(102),
  /** Eight 32-bit numbers as signed 16-bit ones, held between their bounds. */
  narrowToWords: vector(133),
};

/** Four 32-bit integers. */
export const i32x4 = {
  /** The same number in all lanes. */
  splat: vector(17),
  /** The lower four unsigned 16-bit numbers. */
  widenLow: vector(169),
  /** The upper four unsigned 16-bit numbers. */
  widenHigh: vector(170),
  /** Sum. */
  add: vector(174),
  /** Product. */
  mul: vector(181),
  /** Shift to the right that keeps the sign. */
  shiftRight: (value: Code, bits: number): Code => vector(172)(value, i32.const(bits)),
};

/** A parameter or variable. */
export interface Local {
  /** Its value. */
  readonly get: Code;
  /** Sets it. */
  set(value: Code): Code;
}

/** Repeats the body, at least once, while the condition is not 0. */
export function repeat(body: readonly Code[], condition: Code): Code {
  return [0x03, 0x40, ...body.flat(), ...condition, 0x0d, 0, 0x0b];
}

const TYPES = { i32: 0x7f, v128: 0x7b } as const;

/** The variables of one function; its parameters are 32-bit integers. */
export class Locals {
  readonly #types: (keyof typeof TYPES)[];

  /** Starts with the parameters. */
  constructor(readonly parameters: number) {
    this.#types = Array<"i32">(parameters).fill("i32");
  }

  /** The n-th parameter. */
  parameter(n: number): Local {
    return { get: [0x20, n], set: (value) => [...value, 0x21, n] };
  }

  /** A new variable. */
  add(type: keyof typeof TYPES = "i32"): Local {
    this.#types.push(type);
    return this.parameter(this.#types.length - 1);
  }

  /** The function's code with its variables declared. */
  body(statements: readonly Code[]): Code {
    const own = this.#types.slice(this.parameters).map((type) => [1, TYPES[type]]);
    return sized([...unsigned(own.length), ...own.flat(), ...statements.flat(), 0x0b]);
  }
}

const sized = (code: Code): Code => [...unsigned(code.length), ...code];
const section = (id: number, ...entries: Code[]): Code => [
  id,
  ...sized([...unsigned(entries.length), ...entries.flat()]),
];
const text = (words: string): Code => sized([...new TextEncoder().encode(words)]);

/** A function to export. */
export interface Export {
  /** Its name. */
  readonly name: string;
  /** Number of its parameters. */
  readonly parameters: number;
  /** What {@linkcode Locals.body} gave. */
  readonly body: Code;
}

/** A module with these functions over an imported memory `env.memory`. */
export function moduleBytes(functions: readonly Export[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [
    0x60,
    ...sized(Array<number>(parameters).fill(TYPES.i32)),
    0,
  ]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, ...types),
    ...section(2, [...text("env"), ...text("memory"), 0x02, 0x00, 0]),
    ...section(3, ...functions.map((_, i) => [i])),
    ...section(7, ...functions.map(({ name }, i) => [...text(name), 0x00, i])),
    ...section(10, ...functions.map(({ body }) => body)),
  ]);
}
