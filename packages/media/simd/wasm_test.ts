import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import {
  type Code,
  f32x4,
  f64x2,
  i16x8,
  i32,
  i32x4,
  i8x16,
  Kernel,
  Locals,
  repeat,
  v128,
} from "./wasm.ts";

/** A kernel of one function without parameters. */
function program(...body: Code[]): Kernel<"run"> {
  return new Kernel({ run: { locals: new Locals(), body } });
}

/** Three operands, as bytes; lanes are looked at through typed arrays. */
type Operands = [a: ArrayBuffer, b: ArrayBuffer, c: ArrayBuffer];

/** What an expression makes of operands at 0, 16 and 32. */
function evaluate(expression: Code, operands: Operands): ArrayBuffer {
  const kernel = program(v128.store(i32.const(48), expression));
  const memory = kernel.reserve(64);
  operands.forEach((bytes, n) => new Uint8Array(memory).set(new Uint8Array(bytes), 16 * n));
  kernel.functions.run();
  return memory.slice(48, 64);
}

const [a, b, c] = [0, 16, 32].map((at) => v128.load(i32.const(at))) as [Code, Code, Code];

type Lanes = Uint8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;
type Floats = Float32Array | Float64Array;
type View<T> = new (buffer: ArrayBuffer) => T;

/** Lane by lane: what makes a lane of those of the operands. */
function lanewise<T extends Lanes | Floats>(
  type: View<T>,
  lane: (a: number, b: number, c: number) => number,
): (...operands: Operands) => ArrayBuffer {
  return (...operands) => {
    const [x, y, z] = operands.map((bytes) => new type(bytes)) as [T, T, T];
    x.forEach((value, n) => x[n] = lane(value, y[n]!, z[n]!));
    return x.buffer as ArrayBuffer;
  };
}

const buffer = (view: Lanes | Floats): ArrayBuffer => view.slice().buffer as ArrayBuffer;
const u8 = (bytes: ArrayBuffer) => [...new Uint8Array(bytes)];
const u16 = (bytes: ArrayBuffer) => [...new Uint16Array(bytes)];
const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
const SHUFFLE = [31, 0, 16, 15, 1, 2, 30, 29, 8, 8, 8, 8, 17, 18, 19, 20];

/** Each instruction, and the same in plain arithmetic. */
const INTEGERS: Record<string, [Code, (...operands: Operands) => ArrayBuffer]> = {
  "v128.load32Splat": [
    v128.load32Splat(i32.const(20)),
    (_, y) => buffer(new Uint32Array(4).fill(new Uint32Array(y)[1]!)),
  ],
  "v128.load64Splat": [
    v128.load64Splat(i32.const(24)),
    (_, y) => buffer(new Float64Array(2).fill(new Float64Array(y)[1]!)),
  ],
  "v128.load32Zero": [
    v128.load32Zero(i32.const(4)),
    (x) => buffer(Uint32Array.of(new Uint32Array(x)[1]!, 0, 0, 0)),
  ],
  "v128.load32Lane": [
    v128.load32Lane(i32.const(16), a, 2),
    (x, y) => buffer(new Uint32Array(x).with(2, new Uint32Array(y)[0]!)),
  ],
  "v128.and": [v128.and(a, b), lanewise(Uint32Array, (x, y) => x & y)],
  "v128.or": [v128.or(a, b), lanewise(Uint32Array, (x, y) => x | y)],
  "v128.bitselect": [
    v128.bitselect(a, b, c),
    lanewise(Uint32Array, (x, y, mask) => x & mask | y & ~mask),
  ],
  "i8x16.shuffle": [
    i8x16.shuffle(a, b, SHUFFLE),
    (x, y) => buffer(Uint8Array.from(SHUFFLE, (n) => [...u8(x), ...u8(y)][n]!)),
  ],
  "i8x16.subSatU": [i8x16.subSatU(a, b), lanewise(Uint8Array, (x, y) => Math.max(0, x - y))],
  "i8x16.narrowI16x8U": [
    i8x16.narrowI16x8U(a, b),
    (x, y) =>
      buffer(
        Uint8Array.from([...new Int16Array(x), ...new Int16Array(y)], (n) => clamp(n, 0, 255)),
      ),
  ],
  "i16x8.splat": [
    i16x8.splat(i32.load(i32.const(16))),
    (_, y) => buffer(new Uint16Array(8).fill(u16(y)[0]!)),
  ],
  "i16x8.add": [i16x8.add(a, b), lanewise(Uint16Array, (x, y) => x + y)],
  "i16x8.sub": [i16x8.sub(a, b), lanewise(Uint16Array, (x, y) => x - y)],
  "i16x8.ltU": [i16x8.ltU(a, b), lanewise(Uint16Array, (x, y) => x < y ? 0xffff : 0)],
  "i16x8.minU": [i16x8.minU(a, b), lanewise(Uint16Array, (x, y) => Math.min(x, y))],
  "i16x8.shl": [i16x8.shl(a, i32.const(3)), lanewise(Uint16Array, (x) => x << 3)],
  "i16x8.extendLowI8x16U": [
    i16x8.extendLowI8x16U(a),
    (x) => buffer(Uint16Array.from(u8(x).slice(0, 8))),
  ],
  "i16x8.extendHighI8x16U": [
    i16x8.extendHighI8x16U(a),
    (x) => buffer(Uint16Array.from(u8(x).slice(8))),
  ],
  "i16x8.narrowI32x4S": [
    i16x8.narrowI32x4S(i32x4.shrS(a, i32.const(14)), b),
    (x, y) =>
      buffer(
        Int16Array.from(
          [...new Int32Array(x).map((n) => n >> 14), ...new Int32Array(y)],
          (n) => clamp(n, -32768, 32767),
        ),
      ),
  ],
  "i32x4.const": [i32x4.const(-7), lanewise(Int32Array, () => -7)],
  "i32x4.add": [i32x4.add(a, b), lanewise(Uint32Array, (x, y) => x + y)],
  "i32x4.mul": [i32x4.mul(a, b), lanewise(Uint32Array, Math.imul)],
  "i32x4.shrS": [i32x4.shrS(a, i32.const(5)), lanewise(Int32Array, (x) => x >> 5)],
  "i32x4.shrU": [i32x4.shrU(a, i32.const(5)), lanewise(Uint32Array, (x) => x >>> 5)],
  "i32x4.extendLowI16x8U": [
    i32x4.extendLowI16x8U(a),
    (x) => buffer(Uint32Array.from(u16(x).slice(0, 4))),
  ],
  "i32x4.extendHighI16x8U": [
    i32x4.extendHighI16x8U(a),
    (x) => buffer(Uint32Array.from(u16(x).slice(4))),
  ],
  "f32x4.convertI32x4U": [
    f32x4.convertI32x4U(a),
    (x) => buffer(Float32Array.from(new Uint32Array(x))),
  ],
};

const { fround } = Math;
const FLOATS: typeof INTEGERS = {
  "f32x4.const": [f32x4.const(0.1), lanewise(Float32Array, () => 0.1)],
  "f32x4.add": [f32x4.add(a, b), lanewise(Float32Array, (x, y) => fround(x + y))],
  "f32x4.sub": [f32x4.sub(a, b), lanewise(Float32Array, (x, y) => fround(x - y))],
  "f32x4.mul": [f32x4.mul(a, b), lanewise(Float32Array, (x, y) => fround(x * y))],
  "f32x4.abs": [f32x4.abs(a), lanewise(Float32Array, Math.abs)],
  "f32x4.lt": [
    f32x4.lt(a, b),
    (x, y) =>
      buffer(Int32Array.from(new Float32Array(x), (v, n) => v < new Float32Array(y)[n]! ? -1 : 0)),
  ],
  "f32x4.pmin": [f32x4.pmin(a, b), lanewise(Float32Array, (x, y) => y < x ? y : x)],
  "f64x2.promoteLowF32x4": [
    f64x2.promoteLowF32x4(a),
    (x) => buffer(Float64Array.from(new Float32Array(x).subarray(0, 2))),
  ],
};

const DOUBLES: typeof INTEGERS = {
  "f64x2.add": [f64x2.add(a, b), lanewise(Float64Array, (x, y) => x + y)],
  "f64x2.mul": [f64x2.mul(a, b), lanewise(Float64Array, (x, y) => x * y)],
  "f32x4.demoteF64x2Zero": [
    f32x4.demoteF64x2Zero(a),
    (x) => buffer(Float32Array.of(...new Float64Array(x), 0, 0)),
  ],
};

const next = random(1);
const OPERANDS = {
  bytes: () => buffer(Uint8Array.from({ length: 16 }, () => 256 * next())),
  floats: () => buffer(Float32Array.from({ length: 4 }, () => 200 * next() - 100)),
  doubles: () => buffer(Float64Array.from({ length: 2 }, () => 200 * next() - 100)),
};

for (
  const [kind, table] of [["bytes", INTEGERS], ["floats", FLOATS], ["doubles", DOUBLES]] as const
) {
  Deno.test(`instructions on ${kind} do what plain arithmetic does`, () => {
    for (const [name, [expression, expected]] of Object.entries(table)) {
      for (let round = 0; round < 20; round++) {
        const operands = [0, 1, 2].map(OPERANDS[kind]) as Operands;
        const found = evaluate(expression, operands);
        assert.deepEqual(u8(found), u8(expected(...operands)), name);
      }
    }
  });
}

Deno.test("the tables of instructions leave none out", () => {
  const spaces = { v128, i8x16, i16x8, i32x4, f32x4, f64x2 };
  const all = Object.entries(spaces).flatMap(([space, instructions]) =>
    Object.keys(instructions).map((name) => `${space}.${name}`)
  );
  const plain = ["v128.load", "v128.store", "v128.store32Lane"];
  const tested = [INTEGERS, FLOATS, DOUBLES].flatMap(Object.keys);
  assert.deepEqual([...tested, ...plain].sort(), all.sort());
});

/** An integer expression is seen by its lower 16 bits, in every lane. */
function lowBits(expression: Code, ...memory: number[]): number {
  const operand = buffer(Int32Array.from({ length: 4 }, (_, n) => memory[n] ?? 0));
  return u16(evaluate(i16x8.splat(expression), [operand, operand, operand]))[0]!;
}

Deno.test("i32.const holds every integer of 32 bits", () => {
  const loaded = i32.load(i32.const(0));
  for (const power of Array.from({ length: 32 }, (_, n) => 2 ** n)) {
    for (const value of [power - 1, power, -power, -power - 1]) {
      const unsigned = value >>> 0;
      const below = i32.ltU(loaded, i32.const(value));
      const above = i32.ltU(i32.const(value), loaded);
      assert.equal(lowBits(below, unsigned), 0, `${value}`);
      assert.equal(lowBits(above, unsigned), 0, `${value}`);
    }
  }
  assert.equal(lowBits(i32.const(2 ** 32 + 5)), 5);
});

Deno.test("i32.add and i32.mul wrap around, i32.ltU is unsigned", () => {
  const [x, y] = [i32.load(i32.const(0)), i32.load(i32.const(0), 4)];
  assert.equal(lowBits(i32.add(x, y), -5, 12), 7);
  assert.equal(lowBits(i32.mul(x, y), -3, 70000), Math.imul(-3, 70000) & 0xffff);
  assert.equal(lowBits(i32.ltU(x, y), 1, -1), 1);
  assert.equal(lowBits(i32.ltU(x, y), -1, 1), 0);
});

Deno.test("loads and stores take offsets and lanes", () => {
  const kernel = program(
    v128.store(i32.const(1), v128.load(i32.const(3), 70000), 300),
    v128.store32Lane(i32.const(5), v128.load(i32.const(3), 70000), 2),
  );
  const memory = new Uint8Array(kernel.reserve(70100));
  memory.set(Array.from({ length: 16 }, (_, n) => n + 1), 70003);
  kernel.functions.run();
  assert.deepEqual([...memory.subarray(301, 317)], [...memory.subarray(70003, 70019)]);
  assert.deepEqual([...memory.subarray(4, 10)], [0, 9, 10, 11, 12, 0]);
});

Deno.test("Locals has room for hundreds, of both types, behind the parameters", () => {
  const locals = new Locals("out", "step");
  const { out, step } = locals.parameters;
  const counters = Object.values(
    locals.add("i32", ...Array.from({ length: 200 }, (_, n) => `c${n}`)),
  );
  const { sum } = locals.add("v128", "sum");
  const body = [
    ...counters.map((counter, n) => counter.set(i32.mul(step.get, i32.const(n)))),
    ...counters.map((counter) => sum.set(i32x4.add(sum.get, i16x8.splat(counter.get)))),
    v128.store(out.get, sum.get),
  ];
  const kernel = new Kernel({ add: { locals, body } });
  const memory = kernel.reserve(32);
  kernel.functions.add(16, 3);
  assert.equal(new Uint16Array(memory, 16)[0], 3 * 199 * 100);
});

Deno.test("repeat() runs its body once at least, and while the condition holds", () => {
  const locals = new Locals("at", "end");
  const { at, end } = locals.parameters;
  const body = [
    repeat([
      v128.store32Lane(at.get, i32x4.const(-1), 0),
      at.advance(200),
      at.advance(-196),
    ], i32.ltU(at.get, end.get)),
  ];
  const kernel = new Kernel({ fill: { locals, body } });
  const memory = new Int32Array(kernel.reserve(400));
  kernel.functions.fill(0, 0);
  assert.deepEqual([...memory.subarray(0, 3)], [-1, 0, 0]);
  kernel.functions.fill(8, 20);
  assert.deepEqual([...memory.subarray(0, 6)], [-1, 0, -1, -1, -1, 0]);
});

Deno.test("functions of a kernel share its memory, which keeps its bytes as it grows", () => {
  const store = (value: number) => {
    const locals = new Locals("at");
    return { locals, body: [v128.store(locals.parameters.at.get, f32x4.const(value))] };
  };
  const kernel = new Kernel({ one: store(1), two: store(2) });
  const before = kernel.reserve(1);
  kernel.functions.one(0);
  kernel.functions.two(16);
  assert.equal(kernel.reserve(65536), before);
  const grown = kernel.reserve(65537);
  assert.ok(grown.byteLength >= 65537 && before.byteLength === 0);
  assert.deepEqual([...new Float32Array(grown, 0, 9)], [1, 1, 1, 1, 2, 2, 2, 2, 0]);
  assert.throws(() => kernel.functions.one(grown.byteLength - 15), WebAssembly.RuntimeError);
  assert.throws(() => kernel.reserve(2 ** 33), RangeError);
});

Deno.test("what does not fit is refused", () => {
  assert.throws(() => program(v128.store(a, b)), WebAssembly.CompileError);
  assert.throws(() => program(i32.const(1)), WebAssembly.CompileError);
  assert.throws(() => i8x16.shuffle(a, b, [1, 2, 3]), {
    name: "RangeError",
    message: "Cannot shuffle: found 3 lanes, wanted 16",
  });
  for (const offset of [-4, 0.5, 2 ** 32]) {
    assert.throws(() => v128.load(a, offset), { name: "RangeError", message: /found offset/ });
  }
});

Deno.test("the module imports nothing", async () => {
  const args = ["info", "--json", new URL("wasm.ts", import.meta.url).href];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.equal(JSON.parse(new TextDecoder().decode(stdout)).modules.length, 1);
});
