import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mutations, random } from "#testing/fuzz.ts";
import { sharedTest } from "#testing/shared.ts";
import { TransportError } from "./errors.ts";
import { packedStrides } from "./formats/tensor_layout.ts";
import { encodeNpy, NpyReader, npyStream, readNpy, streamNpy } from "./npy.ts";
import { type DType, type Tensor, tensor, tensorByteLength, tensorFromBytes } from "./tensor.ts";
import {
  assertSameTensor,
  checkGoldens,
  fixture,
  fixturePath,
  halfRamp,
  hasCode,
  ramp,
} from "./testdata/format_cases.ts";

/** What make_formats.py writes. */
const files: Record<string, Tensor> = {
  numpy_f32: ramp,
  numpy_bool: tensor("BOOL", [3], new Uint8Array([1, 0, 1])),
  numpy_i64_scalar: tensor("I64", [], BigInt64Array.from([-5n])),
  numpy_u16_empty: tensor("U16", [0, 7]),
  numpy_f16: halfRamp,
  numpy_c64: tensor(
    "C64",
    [3, 4],
    Float32Array.from({ length: 24 }, (_, i) => {
      const [row, column] = [Math.floor(i / 8), Math.floor(i / 2) % 4];
      return ramp.data[(i % 2 === 0 ? row : 2 - row) * 4 + column]!;
    }),
  ),
};

function file(header: string, data = 0, version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array((version === 1 ? 10 : 12) + text.length + data);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  bytes.set(text, bytes.length - data - text.length);
  return bytes;
}

function header(descr: string, shape: string, order = "False"): string {
  return `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;
}

Deno.test("files of NumPy are read, and ours are the same bytes", () => {
  for (const [name, t] of Object.entries(files)) {
    assertSameTensor(readNpy(fixture(`${name}.npy`)), t);
    assert.deepEqual(encodeNpy(t), fixture(`${name}.npy`), name);
  }
});

Deno.test("Fortran order and big-endian numbers become what tensors are", () => {
  assertSameTensor(readNpy(fixture("numpy_fortran.npy")), ramp);
  assertSameTensor(readNpy(fixture("numpy_big_endian.npy")), ramp);
});

Deno.test("reading leaves the given bytes alone and copies none that are aligned", () => {
  const bytes = fixture("numpy_big_endian.npy");
  const before = bytes.slice();
  readNpy(bytes);
  assert.deepEqual(bytes, before);
  const plain = fixture("numpy_f32.npy");
  assert.equal(readNpy(plain).data.buffer, plain.buffer);
});

Deno.test("versions 2.0 and 3.0 and other spellings of the header are read", () => {
  const spellings = [
    file(header("'<u2'", "(2,)"), 4, 2),
    file(header("'<u2'", "(2,)"), 4, 3),
    file(`{"shape":(2,),"descr":"=u2","fortran_order":True}   \n`, 4),
    file(header("'<u2'", "(2L,)"), 4),
    file(header("'<u2'", "(1, 2)"), 4),
  ];
  for (const bytes of spellings) assert.equal(readNpy(bytes).data.length, 2);
});

Deno.test("the reader reads rows by their bytes", async () => {
  using reader = await NpyReader.open(fixturePath("numpy_f32.npy"));
  assert.deepEqual(reader.info, { dtype: "F32", shape: [3, 4] });
  assertSameTensor(await reader.readRows(1, 2), tensor("F32", [1, 4], ramp.data.slice(4, 8)));
  assertSameTensor(await reader.read(), ramp);
  await assert.rejects(reader.readRows(2, 4), RangeError);
  using fortran = await NpyReader.open(fixturePath("numpy_fortran.npy"));
  assertSameTensor(await fortran.read(), ramp);
  await assert.rejects(fortran.readRows(0, 1), hasCode("unsupported"));
  using scalar = await NpyReader.open(fixturePath("numpy_i64_scalar.npy"));
  await assert.rejects(scalar.readRows(0, 1), RangeError);
});

Deno.test("a stream of parts is the file", async () => {
  const parts = [
    tensor("F32", [1, 4], ramp.data.slice(0, 4)),
    tensor("F32", [2, 4], ramp.data.slice(4)),
  ];
  const stream = npyStream(ramp, parts) as ReadableStream<Uint8Array<ArrayBuffer>>;
  assert.deepEqual(await new Response(stream).bytes(), encodeNpy(ramp));
  for (const bad of [parts.slice(1), [...parts, parts[0]!], [tensor("F32", [3, 5])], [halfRamp]]) {
    await assert.rejects(Array.fromAsync(npyStream(ramp, bad)), RangeError);
  }
});

Deno.test("a stream is read in rows, whatever its chunks", async () => {
  const bytes = fixture("numpy_f32.npy");
  const chunks = (size: number) =>
    ReadableStream.from(
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.slice(i * size, (i + 1) * size)),
    );
  for (const size of [1, 9, 64, bytes.length]) {
    const parts = await Array.fromAsync(streamNpy(chunks(size), 2));
    assert.deepEqual(parts.map(({ shape }) => shape), [[2, 4], [1, 4]]);
    assert.deepEqual(parts.flatMap(({ data }) => [...data]), [...ramp.data]);
  }
  const all = (name: string) =>
    Array.fromAsync(streamNpy(ReadableStream.from([fixture(`${name}.npy`)]), 5));
  assertSameTensor((await all("numpy_big_endian"))[0], ramp);
  assertSameTensor((await all("numpy_i64_scalar"))[0], files["numpy_i64_scalar"]!);
  assert.deepEqual(await all("numpy_u16_empty"), []);
  await assert.rejects(all("numpy_fortran"), hasCode("unsupported"));
});

Deno.test("a stream that is cut, goes on, or is no npy file is refused", async () => {
  const bytes = fixture("numpy_f32.npy");
  const drain = (b: Uint8Array, rows = 2) =>
    Array.fromAsync(streamNpy(ReadableStream.from([b]), rows));
  for (const length of [0, 5, 11, 100, bytes.length - 1]) {
    await assert.rejects(drain(bytes.subarray(0, length)), hasCode("truncated"));
  }
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  await assert.rejects(drain(longer), hasCode("format"));
  await assert.rejects(drain(new Uint8Array(80)), hasCode("format"));
  await assert.rejects(drain(bytes, 0), RangeError);
  const empties = await drain(file(header("'<u2'", `(${2 ** 50}, 0)`)), 1);
  assert.deepEqual(empties.map(({ shape }) => shape), [[2 ** 50, 0]]);
});

Deno.test("dtypes that NumPy has come back, others are refused", () => {
  const known: DType[] = [
    "BOOL",
    "U8",
    "I8",
    "I16",
    "U16",
    "F16",
    "I32",
    "U32",
    "F32",
    "C64",
    "F64",
    "I64",
    "U64",
  ];
  for (const dtype of known) {
    const bytes = Uint8Array.from({ length: tensorByteLength(dtype, [3]) }, (_, i) => i % 2);
    const t = tensorFromBytes(dtype, [3], bytes);
    assertSameTensor(readNpy(encodeNpy(t)), t);
  }
  for (const dtype of ["BF16", "F8_E4M3", "F4"] as const) {
    assert.throws(() => encodeNpy(tensor(dtype, [2])), TypeError);
  }
});

Deno.test("each broken header is refused", () => {
  const broken: Record<string, [Uint8Array, ...Parameters<typeof hasCode>]> = {
    "magic": [new Uint8Array(80), "format"],
    "empty": [new Uint8Array(), "format"],
    "cut before the length": [file("").subarray(0, 9), "truncated"],
    "cut header": [file(header("'<u2'", "(2,)")).subarray(0, 40), "truncated"],
    "version 4": [file(header("'<u2'", "(2,)"), 4, 4), "unsupported"],
    "long header": [file("", 0, 2).fill(0xff, 8, 12), "limit"],
    "too few bytes": [file(header("'<u2'", "(2,)"), 3), "truncated"],
    "too many bytes": [file(header("'<u2'", "(2,)"), 5), "format"],
    "object": [file(header("'|O'", "(2,)"), 4), "unsupported"],
    "structured": [file(header("[('a', '<u2')]", "(2,)"), 4), "unsupported"],
    "string": [file(header("'<U2'", "(2,)"), 16), "unsupported"],
    "complex of doubles": [file(header("'<c16'", "(1,)"), 16), "unsupported"],
    "prototype key as code": [file(header("'<constructor'", "(1,)"), 4), "unsupported"],
    "shape without a comma": [file(header("'<u2'", "(2)"), 4), "format"],
    "shape with two commas": [file(header("'<u2'", "(2,,)"), 4), "format"],
    "shape without commas": [file(header("'<u2'", "(1 2)"), 4), "format"],
    "negative shape": [file(header("'<u2'", "(-2,)"), 4), "format"],
    "nested shape": [file(header("'<u2'", "((2,),)"), 4), "format"],
    "65 axes": [file(header("'<u2'", `(${"1,".repeat(65)})`), 2), "format"],
    "overflow": [file(header("'<u2'", `(${2 ** 40}, ${2 ** 40})`), 2), "limit"],
    "order as a number": [file(header("'<u2'", "(2,)", "0"), 4), "format"],
    "key twice": [file("{'descr': '<u2', 'descr': '<u2', 'fortran_order': False}"), "format"],
    "a key missing": [file("{'descr': '<u2', 'shape': (2,)}", 4), "format"],
    "unknown key": [file("{'__proto__': '<u2'}"), "format"],
    "code": [file("__import__('os')"), "format"],
    "more behind": [file(`${header("'<u2'", "(2,)")} 1`, 4), "format"],
    "open dictionary": [file("{'descr': '<u2'"), "format"],
  };
  for (const [name, [bytes, ...codes]] of Object.entries(broken)) {
    assert.throws(() => readNpy(bytes), hasCode(...codes), name);
  }
});

sharedTest("golden npy files are read whole and lazily", async () => {
  const named = (t: Tensor) => new Map([["array", t]]);
  await checkGoldens("npy", async (path) => named(readNpy(await Deno.readFile(path))));
  await checkGoldens("npy", async (path) => {
    using reader = await NpyReader.open(path);
    return named(await reader.read());
  });
});

Deno.test("any arrays come back from Fortran order too", () => {
  const next = random(12);
  const below = (n: number) => Math.floor(next() * n);
  for (let i = 0; i < 200; i++) {
    const shape = Array.from({ length: 1 + below(4) }, () => 1 + below(4));
    const size = shape.reduce((a, b) => a * b, 1);
    const t = tensor("F64", shape, Float64Array.from({ length: size }, next));
    const strides = packedStrides(shape.toReversed()).toReversed();
    const fortran = new Float64Array(size);
    for (let at = 0; at < size; at++) fortran[fortranPlace(at, shape, strides)] = t.data[at]!;
    const file = encodeNpy(tensor("F64", shape, fortran));
    const text = new TextDecoder("latin1").decode(file.subarray(0, 128));
    file.set(new TextEncoder().encode("True "), text.indexOf("False"));
    assertSameTensor(readNpy(file), t);
  }
});

/** Where an element of C order lies in Fortran order. */
function fortranPlace(at: number, shape: number[], strides: number[]): number {
  let place = 0;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place += (at % shape[axis]!) * strides[axis]!;
    at = Math.floor(at / shape[axis]!);
  }
  return place;
}

Deno.test("damaged files give typed errors or tensors, never anything else", () => {
  for (const name of ["numpy_f32", "numpy_fortran", "numpy_big_endian"]) {
    for (const bytes of mutations(fixture(`${name}.npy`), 2000)) {
      try {
        assert.ok(readNpy(bytes).data.byteLength <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof TransportError, String(error));
      }
    }
  }
});

Deno.test("a big-endian array in a Buffer is not swapped where it lies", async () => {
  const file = await Deno.readFile(new URL("testdata/numpy_big_endian.npy", import.meta.url));
  const bytes = Buffer.from(file);
  assert.deepEqual(readNpy(bytes), readNpy(file));
  assert.deepEqual(new Uint8Array(bytes), file);
});

Deno.test("white space and numbers in a header are Python's", () => {
  const good = String.fromCharCode(...encodeNpy(tensor("U8", [3])));
  const headed = (from: string, to: string) =>
    Uint8Array.from(good.replace(from, to), (character) => character.charCodeAt(0));
  assert.deepEqual(readNpy(headed("(3,), }  ", "( 3,\t), }")).shape, [3]);
  assert.throws(() => readNpy(headed("(3,), } ", "(03,), }")), hasCode("format"));
  assert.throws(() => readNpy(headed("(3,), } ", "(\xa03,), }")), hasCode("format"));
});

Deno.test("a boolean other than 0 and 1 is refused", () => {
  const bytes = encodeNpy(tensor("BOOL", [2], new Uint8Array([1, 1])));
  bytes[bytes.length - 1] = 2;
  assert.throws(() => readNpy(bytes), hasCode("format"));
});
