/**
 * A WebAssembly assembler as small as the kernels of this package need: expressions are arrays of
 * bytes, built from the inside out. Kernels are assembled when first used, in under a
 * millisecond; there is no toolchain and no binary file.
 *
 * @module
 */

/** Machine code of an expression or a statement. */
export type Code = readonly number[];

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 0x7f;
    value >>>= 7;
    bytes.push(value === 0 ? low : low | 0x80);
  } while (value !== 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit number. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = value & 0x7f;
    value >>= 7;
    const done = (value === 0 && (low & 0x40) === 0) || (value === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

/** An operator: its operands' code, then its own. */
type Operator = (...operands: Code[]) => Code;
const operator = (...code: number[]): Operator => (...operands) => [...operands.flat(), ...code];
/** An operator of the SIMD set, whose numbers follow the prefix 0xfd. */
const vector = (number: number): Operator => operator(0xfd, ...unsigned(number));

/** 32-bit integers. */
export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: operator(0x6a),
  sub: operator(0x6b),
  mul: operator(0x6c),
  ltU: operator(0x49),
  /** Loads a number at an address, plus a constant offset. */
  load: (address: Code, offset = 0): Code => [...address, 0x28, 0, ...unsigned(offset)],
};

/** 128-bit vectors: memory, constants and bits. */
export const v128 = {
  /** Loads 16 bytes at an address, plus a constant offset. */
  load: (address: Code, offset = 0): Code => [...address, 0xfd, 0, 0, ...unsigned(offset)],
  /** Stores 16 bytes at an address, plus a constant offset. */
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    0xfd,
    11,
    0,
    ...unsigned(offset),
  ],
  /** Loads 4 bytes into the first lane; the others are 0. */
  load32Zero: (address: Code): Code => [...address, 0xfd, 92, 0, 0],
  /** Loads 4 bytes into every lane. */
  load32Splat: (address: Code): Code => [...address, 0xfd, 9, 0, 0],
  /** Loads 8 bytes into both lanes. */
  load64Splat: (address: Code): Code => [...address, 0xfd, 10, 0, 0],
  /** Loads 4 bytes into one of the four lanes of a vector. */
  load32Lane: (address: Code, into: Code, lane: number): Code => [
    ...address,
    ...into,
    0xfd,
    86,
    0,
    0,
    lane,
  ],
  /** The same 32-bit number in four lanes. */
  u32: (value: number): Code => constant(new Uint32Array(4).fill(value)),
  /** The same float in four lanes. */
  f32: (value: number): Code => constant(new Float32Array(4).fill(value)),
  /** The same 16-bit number in eight lanes. */
  u16: (value: number): Code => constant(new Uint16Array(8).fill(value)),
  and: vector(78),
  or: vector(80),
  /** Sixteen bytes by number: 0 to 15 of the first, 16 to 31 of the second. */
  shuffle: (a: Code, b: Code, bytes: readonly number[]): Code => [
    ...a,
    ...b,
    0xfd,
    13,
    ...bytes,
  ],
  /** Lanes of the first where the mask is set, else of the second. */
  select: vector(82),
};

function constant(lanes: Float32Array | Uint16Array | Uint32Array): Code {
  return [0xfd, 12, ...new Uint8Array(lanes.buffer)];
}

/** Four floats. */
export const f32x4 = {
  add: vector(228),
  sub: vector(229),
  mul: vector(230),
  abs: vector(224),
  lt: vector(67),
  /** The second where it is less, else the first. */
  pmin: vector(234),
  /** Four unsigned 32-bit numbers as floats. */
  convert: vector(251),
  /** Two doubles, rounded; the upper lanes are 0. */
  demote: vector(94),
};

/** Two doubles. */
export const f64x2 = {
  add: vector(240),
  mul: vector(242),
  /** The lower two floats as doubles. */
  promoteLow: vector(95),
};

/** Four unsigned 32-bit numbers. */
export const u32x4 = {
  /** Shifts right by a constant. */
  shr: (value: Code, bits: number): Code => [...value, ...i32.const(bits), 0xfd, ...unsigned(173)],
  /** The lower four of eight 16-bit numbers. */
  widenLow: vector(169),
};

/** Sixteen unsigned 8-bit numbers. */
export const u8x16 = {
  /** Difference, 0 where it would be negative. */
  subSaturated: vector(115),
  /** The lower eight lanes, as 16-bit numbers. */
  widenLow: vector(137),
  /** The upper eight lanes, as 16-bit numbers. */
  widenHigh: vector(138),
};

/** Eight unsigned 16-bit numbers. */
export const u16x8 = {
  add: vector(142),
  sub: vector(145),
  lt: vector(48),
  min: vector(151),
  /** The lower 16 bits of a 32-bit integer in every lane. */
  splat: vector(16),
  /** Shifts left by a constant. */
  shl: (value: Code, bits: number): Code => [...value, ...i32.const(bits), 0xfd, ...unsigned(139)],
};

/** The types that a local can have. */
export type LocalType = "i32" | "v128";
const TYPES = { i32: 0x7f, v128: 0x7b } as const;

/** A parameter or local variable. */
export interface Local {
  /** Its value. */
  readonly get: Code;
  /** Sets it. */
  set(value: Code): Code;
}

/** Repeats the body, at least once, while the condition is not 0. */
export function repeat(body: Code[], condition: Code): Code {
  return [0x03, 0x40, ...body.flat(), ...condition, 0x0d, 0, 0x0b];
}

/** Hands out the locals of one function: the parameters, all 32-bit integers, come first. */
export class Locals {
  readonly #types: LocalType[] = [];

  /** Starts with the parameters that the function takes. */
  constructor(readonly parameterCount: number) {}

  /** The n-th parameter. */
  parameter(n: number): Local {
    return local(n);
  }

  /** A new variable. */
  add(type: LocalType = "i32"): Local {
    this.#types.push(type);
    return local(this.parameterCount + this.#types.length - 1);
  }

  /** The declaration in front of the function's code. */
  declaration(): Code {
    return [
      ...unsigned(this.#types.length),
      ...this.#types.flatMap((type) => [1, TYPES[type]]),
    ];
  }
}

function local(index: number): Local {
  const number = unsigned(index);
  return { get: [0x20, ...number], set: (value) => [...value, 0x21, ...number] };
}

/** A section of a module, or any vector of bytes with its length in front. */
const sized = (code: Code): Code => [...unsigned(code.length), ...code];
const section = (id: number, code: Code): Code => [id, ...sized(code)];
const text = (name: string): Code => sized([...new TextEncoder().encode(name)]);

/** A module with one function `run` over an imported memory `env.memory`. */
export function moduleBytes(locals: Locals, body: Code): Uint8Array<ArrayBuffer> {
  const parameters = Array<number>(locals.parameterCount).fill(TYPES.i32);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, ...sized(parameters), 0]),
    ...section(2, [1, ...text("env"), ...text("memory"), 0x02, 0x00, 0]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text("run"), 0x00, 0]),
    ...section(10, [1, ...sized([...locals.declaration(), ...body, 0x0b])]),
  ]);
}

/** A compiled kernel: its function, and its memory, which grows as asked. */
export class Kernel {
  readonly #memory = new WebAssembly.Memory({ initial: 0 });
  /** The function; takes addresses and sizes in bytes or elements, as its maker says. */
  readonly run: (...parameters: number[]) => void;

  /** Compiles a module of {@linkcode moduleBytes}. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.#memory },
    });
    this.run = exports["run"] as (...parameters: number[]) => void;
  }

  /** The memory, with at least so many bytes. */
  reserve(bytes: number): ArrayBuffer {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / 65536));
    return this.#memory.buffer as ArrayBuffer;
  }
}
