/**
 * A WebAssembly assembler as small as kernels over pixels need, and a memory to run them in. Code
 * is arrays of bytes, built from the inside out; a kernel is assembled when it is first needed, in
 * about a millisecond, so that there is no toolchain and no binary file.
 *
 * Instructions have the names, types and numbers of the WebAssembly Core Specification 2.0
 * (section 5.4, "Instructions"), in camel case: `i32x4.extend_low_i16x8_u` is
 * `i32x4.extendLowI16x8U`. Loads and stores promise no alignment; a RangeError tells of an offset
 * that is not a whole number of 32 bits. {@linkcode Kernel} refuses code whose types do not fit.
 *
 * @example Doubles floats, four at a time
 * ```ts
 * import { f32x4, i32, Kernel, Locals, repeat, v128 } from "@vcs/media/internal";
 * import assert from "node:assert/strict";
 *
 * const locals = new Locals("at", "end");
 * const { at, end } = locals.parameters;
 * const four = [
 *   v128.store(at.get, f32x4.mul(v128.load(at.get), f32x4.const(2))),
 *   at.advance(16),
 * ];
 * const kernel = new Kernel({
 *   double: { locals, body: [repeat(four, i32.ltU(at.get, end.get))] },
 * });
 * const numbers = new Float32Array(kernel.reserve(32), 0, 8);
 * numbers.set([1, 2, 3, 4, 5, 6, 7, 8]);
 * kernel.functions.double(0, 32);
 * assert.deepEqual([...numbers], [2, 4, 6, 8, 10, 12, 14, 16]);
 * ```
 *
 * @module
 */

/** Machine code of an expression or a statement. */
export type Code = readonly number[];

/** Unsigned LEB128 (section 5.2.2). */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a 32-bit number. */
function signed(value: number): number[] {
  const isLast = value >= -64 && value < 64;
  return isLast ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}

/** An instruction of the vector set, whose numbers follow a prefix. */
const vector = (number: number, ...operands: Code[]): Code => [
  ...operands.flat(),
  0xfd,
  ...unsigned(number),
];

/** What follows an instruction with an address: no alignment, and a constant offset. */
function placed(offset: number): Code {
  if (offset !== offset >>> 0) {
    throw new RangeError(`Cannot assemble: found offset ${offset}, wanted 0 to 2^32 - 1`);
  }
  return [0, ...unsigned(offset)];
}

/** A vector instruction with an address. */
const access = (number: number, offset: number, ...operands: Code[]): Code => [
  ...vector(number, ...operands),
  ...placed(offset),
];

/** Four equal lanes. */
const constant = (lanes: Float32Array | Int32Array): Code => [
  ...vector(12),
  ...new Uint8Array(lanes.buffer),
];

/** 32-bit integers. */
export const i32 = {
  /** A constant, modulo 2^32. */
  const: (value: number): Code => [0x41, ...signed(value | 0)],
  /** a + b. */
  add: (a: Code, b: Code): Code => [...a, ...b, 0x6a],
  /** a · b. */
  mul: (a: Code, b: Code): Code => [...a, ...b, 0x6c],
  /** 1 where a < b, both unsigned, else 0. */
  ltU: (a: Code, b: Code): Code => [...a, ...b, 0x49],
  /** The integer at an address, plus a constant offset in bytes. */
  load: (address: Code, offset = 0): Code => [...address, 0x28, ...placed(offset)],
};

/** 128-bit vectors, whatever their lanes. */
export const v128 = {
  /** 16 bytes at an address, plus a constant offset in bytes. */
  load: (address: Code, offset = 0): Code => access(0, offset, address),
  /** 4 bytes in every one of four lanes. */
  load32Splat: (address: Code): Code => access(9, 0, address),
  /** 8 bytes in both of two lanes. */
  load64Splat: (address: Code): Code => access(10, 0, address),
  /** 4 bytes in the first of four lanes; the others are 0. */
  load32Zero: (address: Code): Code => access(92, 0, address),
  /** A vector with 4 bytes loaded into one of its four lanes, 0 to 3. */
  load32Lane: (address: Code, value: Code, lane: number): Code => [
    ...access(86, 0, address, value),
    lane,
  ],
  /** Stores 16 bytes at an address, plus a constant offset in bytes. */
  store: (address: Code, value: Code, offset = 0): Code => access(11, offset, address, value),
  /** Stores one of four lanes, 0 to 3. */
  store32Lane: (address: Code, value: Code, lane: number): Code => [
    ...access(90, 0, address, value),
    lane,
  ],
  /** Bits that are set in both. */
  and: (a: Code, b: Code): Code => vector(78, a, b),
  /** Bits that are set in one or both. */
  or: (a: Code, b: Code): Code => vector(80, a, b),
  /** Bits of `a` where those of the mask are set, else of `b`. */
  bitselect: (a: Code, b: Code, mask: Code): Code => vector(82, a, b, mask),
};

/** Sixteen 8-bit integers. */
export const i8x16 = {
  /**
   * Sixteen lanes by number: 0 to 15 are those of `a`, 16 to 31 those of `b`.
   *
   * @throws {RangeError} unless there are sixteen numbers
   */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => {
    if (lanes.length !== 16) {
      throw new RangeError(`Cannot shuffle: found ${lanes.length} lanes, wanted 16`);
    }
    return [...vector(13, a, b), ...lanes];
  },
  /** a - b, unsigned, 0 where it would be negative. */
  subSatU: (a: Code, b: Code): Code => vector(115, a, b),
  /** The signed 16-bit lanes of `a`, then of `b`, held between 0 and 255. */
  narrowI16x8U: (a: Code, b: Code): Code => vector(102, a, b),
};

/** Eight 16-bit integers. */
export const i16x8 = {
  /** The lower 16 bits of a 32-bit integer in every lane. */
  splat: (value: Code): Code => vector(16, value),
  /** a + b. */
  add: (a: Code, b: Code): Code => vector(142, a, b),
  /** a - b. */
  sub: (a: Code, b: Code): Code => vector(145, a, b),
  /** All bits set where a < b, both unsigned, else none. */
  ltU: (a: Code, b: Code): Code => vector(48, a, b),
  /** The lesser, both unsigned. */
  minU: (a: Code, b: Code): Code => vector(151, a, b),
  /** Shifts left by a number of bits. */
  shl: (value: Code, bits: Code): Code => vector(139, value, bits),
  /** The lower eight unsigned 8-bit lanes. */
  extendLowI8x16U: (value: Code): Code => vector(137, value),
  /** The upper eight unsigned 8-bit lanes. */
  extendHighI8x16U: (value: Code): Code => vector(138, value),
  /** The signed 32-bit lanes of `a`, then of `b`, held between -32768 and 32767. */
  narrowI32x4S: (a: Code, b: Code): Code => vector(133, a, b),
};

/** Four 32-bit integers. */
export const i32x4 = {
  /** The same constant in every lane, modulo 2^32. */
  const: (value: number): Code => constant(new Int32Array(4).fill(value)),
  /** a + b. */
  add: (a: Code, b: Code): Code => vector(174, a, b),
  /** a · b. */
  mul: (a: Code, b: Code): Code => vector(181, a, b),
  /** Shifts signed lanes right by a number of bits. */
  shrS: (value: Code, bits: Code): Code => vector(172, value, bits),
  /** Shifts unsigned lanes right by a number of bits. */
  shrU: (value: Code, bits: Code): Code => vector(173, value, bits),
  /** The lower four unsigned 16-bit lanes. */
  extendLowI16x8U: (value: Code): Code => vector(169, value),
  /** The upper four unsigned 16-bit lanes. */
  extendHighI16x8U: (value: Code): Code => vector(170, value),
};

/** Four 32-bit floats. */
export const f32x4 = {
  /** The same constant in every lane, rounded to 32 bits. */
  const: (value: number): Code => constant(new Float32Array(4).fill(value)),
  /** a + b. */
  add: (a: Code, b: Code): Code => vector(228, a, b),
  /** a - b. */
  sub: (a: Code, b: Code): Code => vector(229, a, b),
  /** a · b. */
  mul: (a: Code, b: Code): Code => vector(230, a, b),
  /** |value|. */
  abs: (value: Code): Code => vector(224, value),
  /** All bits set where a < b, else none. */
  lt: (a: Code, b: Code): Code => vector(67, a, b),
  /** `b` where it is less than `a`, else `a`. */
  pmin: (a: Code, b: Code): Code => vector(234, a, b),
  /** Four unsigned 32-bit integers as floats. */
  convertI32x4U: (value: Code): Code => vector(251, value),
  /** Two doubles, rounded, in the lower lanes; the upper ones are 0. */
  demoteF64x2Zero: (value: Code): Code => vector(94, value),
};

/** Two 64-bit floats. */
export const f64x2 = {
  /** a + b. */
  add: (a: Code, b: Code): Code => vector(240, a, b),
  /** a · b. */
  mul: (a: Code, b: Code): Code => vector(242, a, b),
  /** The lower two of four floats as doubles. */
  promoteLowF32x4: (value: Code): Code => vector(95, value),
};

/** Repeats the body, at least once, while the condition is not 0. */
export function repeat(body: readonly Code[], condition: Code): Code {
  return [0x03, 0x40, ...body.flat(), ...condition, 0x0d, 0, 0x0b];
}

/** A parameter or variable of a function. */
export interface Local {
  /** Its value. */
  readonly get: Code;
  /** Sets it. */
  set(value: Code): Code;
  /** Adds a constant, where it is a 32-bit integer. */
  advance(by: number): Code;
}

/** Locals by name. */
export type NamedLocals<Name extends string> = Readonly<Record<Name, Local>>;

/** Types of locals, as modules name them (section 5.3). */
const TYPES = { i32: 0x7f, v128: 0x7b } as const;

/** The local with a number. */
function local(n: number): Local {
  const get = [0x20, ...unsigned(n)];
  const set = (value: Code) => [...value, 0x21, ...unsigned(n)];
  return { get, set, advance: (by) => set(i32.add(get, i32.const(by))) };
}

/** Locals with the numbers from `first` on. */
function numbered<Name extends string>(first: number, names: Name[]): NamedLocals<Name> {
  const entries = names.map((name, n) => [name, local(first + n)]);
  return Object.fromEntries(entries) as NamedLocals<Name>;
}

/** The parameters and variables of one function. */
export class Locals<Name extends string = string> {
  /** The parameters: 32-bit integers. */
  readonly parameters: NamedLocals<Name>;
  readonly #parameterCount: number;
  readonly #types: number[] = [];

  /** Starts with the parameters, in the order in which the function takes them. */
  constructor(...parameters: Name[]) {
    this.parameters = numbered(0, parameters);
    this.#parameterCount = parameters.length;
  }

  /** New variables, 0 at first. */
  add<New extends string>(type: "i32" | "v128", ...names: New[]): NamedLocals<New> {
    const first = this.#parameterCount + this.#types.length;
    this.#types.push(...names.map(() => TYPES[type]));
    return numbered(first, names);
  }

  /** The function's type, for the module (section 5.3.6): parameters, no result. */
  signature(): Code {
    return [0x60, ...sized(Array<number>(this.#parameterCount).fill(TYPES.i32)), 0];
  }

  /** The variables, declared in front of the function's code (section 5.5.13). */
  declaration(): Code {
    return [...unsigned(this.#types.length), ...this.#types.flatMap((type) => [1, type])];
  }
}

/** A function: its locals, and the statements that use them. */
export interface KernelFunction {
  /** Parameters and variables. */
  readonly locals: Locals;
  /** Statements, one after the other. */
  readonly body: readonly Code[];
}

const sized = (code: Code): Code => [...unsigned(code.length), ...code];
const text = (words: string): Code => sized([...new TextEncoder().encode(words)]);
const section = (id: number, ...entries: Code[]): Code => [
  id,
  ...sized([...unsigned(entries.length), ...entries.flat()]),
];

/** A module that exports the functions and imports its memory as `env.memory` (section 5.5). */
function moduleBytes(functions: Readonly<Record<string, KernelFunction>>): Uint8Array<ArrayBuffer> {
  const all = Object.values(functions);
  const code = all.map(({ locals, body }) =>
    sized([...locals.declaration(), ...body.flat(), 0x0b])
  );
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, ...all.map(({ locals }) => locals.signature())),
    ...section(2, [...text("env"), ...text("memory"), 0x02, 0x00, 0]),
    ...section(3, ...all.map((_, n) => unsigned(n))),
    ...section(7, ...Object.keys(functions).map((name, n) => [...text(name), 0, ...unsigned(n)])),
    ...section(10, ...code),
  ]);
}

/** Bytes by which memories grow (section 4.2.8). */
const PAGE = 65536;

/** Compiled functions, and one memory that they work in. */
export class Kernel<Name extends string> {
  readonly #memory = new WebAssembly.Memory({ initial: 0 });
  /**
   * The functions. They take what their makers say: addresses in the memory, sizes in bytes or
   * elements; they throw a WebAssembly.RuntimeError where one reaches past the memory's end.
   */
  readonly functions: Readonly<Record<Name, (...parameters: number[]) => void>>;

  /**
   * Assembles and compiles functions.
   *
   * @throws {WebAssembly.CompileError} where the code is not valid, as by types that do not fit
   */
  constructor(functions: Readonly<Record<Name, KernelFunction>>) {
    const module = new WebAssembly.Module(moduleBytes(functions));
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    this.functions = exports as Record<Name, (...parameters: number[]) => void>;
  }

  /**
   * The memory, with at least so many bytes. New bytes are 0, old ones stay; where it grows,
   * buffers that it gave before are detached.
   *
   * @throws {RangeError} where there is not so much memory
   */
  reserve(bytes: number): ArrayBuffer {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE));
    return this.#memory.buffer as ArrayBuffer;
  }
}
