import assert from "node:assert/strict";
import { mutations, random } from "#testing/fuzz.ts";
import { sharedTest } from "#testing/shared.ts";
import { TransportError } from "./errors.ts";
import {
  encodeSafetensors,
  readSafetensors,
  SafetensorsReader,
  safetensorsStream,
  streamSafetensors,
} from "./safetensors.ts";
import { DTYPES, type Tensor, tensor, tensorByteLength, tensorFromBytes } from "./tensor.ts";
import {
  assertSameTensor,
  checkGoldens,
  fixture,
  fixturePath,
  halfRamp,
  hasCode,
  ramp,
} from "./testdata/format_cases.ts";

/** What make_formats.py writes into python.safetensors. */
const python: Record<string, Tensor> = {
  z: ramp,
  a: tensor("U8", [3], new Uint8Array([0, 1, 2])),
  half: halfRamp,
  long: tensor("I64", [5], BigInt64Array.from([-2n, -1n, 0n, 1n, 2n])),
  10: tensor("F64", [1], new Float64Array([1.5])),
  flag: tensor("BOOL", [2, 1], new Uint8Array([1, 0])),
  none: tensor("I32", [2, 0]),
};

function file(header: string, data = 0): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
}

Deno.test("a file of Python's package is read", () => {
  const { tensors, metadata } = readSafetensors(fixture("python.safetensors"));
  assert.deepEqual(Object.fromEntries(metadata), { format: "np", note: "café" });
  assert.equal(tensors.size, Object.keys(python).length);
  for (const [name, t] of Object.entries(python)) assertSameTensor(tensors.get(name), t);
});

Deno.test("our data section is Python's, byte for byte, and so are the places in it", () => {
  const theirs = fixture("python.safetensors");
  const ours = encodeSafetensors(python, { format: "np", note: "café" });
  const dataOf = (bytes: Uint8Array) =>
    bytes.subarray(8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)));
  assert.deepEqual(dataOf(ours), dataOf(theirs));
  const places = (bytes: Uint8Array) =>
    JSON.parse(new TextDecoder().decode(bytes.subarray(8, bytes.length - dataOf(bytes).length)));
  assert.deepEqual(places(ours), places(theirs));
});

Deno.test("every dtype comes back, aligned, with awkward names", () => {
  const tensors = new Map<string, Tensor>();
  for (const dtype of DTYPES) {
    const bytes = Uint8Array.from({ length: tensorByteLength(dtype, [2, 4]) }, (_, i) => i % 2);
    tensors.set(dtype, tensorFromBytes(dtype, [2, 4], bytes));
  }
  for (const name of ["__proto__", "", 'a"\\\n', "🎥", "0"]) tensors.set(name, ramp);
  const bytes = encodeSafetensors(tensors);
  const read = readSafetensors(bytes).tensors;
  assert.deepEqual([...read.keys()].sort(), [...tensors.keys()].sort());
  for (const [name, t] of tensors) {
    assertSameTensor(read.get(name), t);
    assert.equal(read.get(name)!.data.buffer, bytes.buffer, name);
  }
});

Deno.test("the reader reads what it is asked for and nothing else", async () => {
  const path = await Deno.makeTempFile();
  try {
    const big = tensor("F32", [1 << 20]);
    await Deno.writeFile(path, encodeSafetensors({ big, small: ramp }));
    using reader = await SafetensorsReader.open(path);
    assertSameTensor(await reader.read("small"), ramp);
    assert.ok(reader.bytesRead < 1000, `${reader.bytesRead} bytes read`);
    assert.equal(reader.info("big").byteLength, 4 << 20);
    await assert.rejects(reader.read("medium"), hasCode("missing"));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a stream of tensors is the file, and loads one at a time", async () => {
  let loaded = 0;
  const entries = Object.entries(python).map(([name, t]) => {
    const load = () => (loaded++, t);
    return [name, { dtype: t.dtype, shape: t.shape, load }] as const;
  });
  const metadata = { format: "np" };
  const stream = safetensorsStream(new Map(entries), metadata);
  assert.equal(loaded, 0);
  assert.deepEqual(await collect(stream), encodeSafetensors(python, metadata));
  assert.equal(loaded, entries.length);
});

Deno.test("a stream fails where a tensor is not what was promised", async () => {
  const stream = safetensorsStream({ x: { dtype: "F32", shape: [12], load: () => ramp } });
  await assert.rejects(collect(stream), RangeError);
});

Deno.test("a stream is read in chunks of any size", async () => {
  const bytes = fixture("python.safetensors");
  for (const size of [1, 7, 64, bytes.length]) {
    const chunks = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, i) => bytes.slice(i * size, (i + 1) * size),
    );
    const found = new Map(await Array.fromAsync(streamSafetensors(ReadableStream.from(chunks))));
    for (const [name, t] of Object.entries(python)) assertSameTensor(found.get(name), t);
  }
});

Deno.test("a stream that is cut or goes on is an error, and leaving it early frees it", async () => {
  const bytes = fixture("python.safetensors");
  const drain = (b: Uint8Array) => Array.fromAsync(streamSafetensors(ReadableStream.from([b])));
  await assert.rejects(drain(bytes.subarray(0, bytes.length - 1)), hasCode("truncated"));
  await assert.rejects(drain(bytes.subarray(0, 5)), hasCode("truncated"));
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  await assert.rejects(drain(longer), hasCode("format"));
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes),
    cancel: () => void (cancelled = true),
  });
  for await (const _ of streamSafetensors(endless)) break;
  assert.ok(cancelled);
});

Deno.test("a stream that promises much and sends little holds little", async () => {
  const header = `{"x":{"dtype":"U8","shape":[${2 ** 45}],"data_offsets":[0,${2 ** 45}]}}`;
  const source = ReadableStream.from([file(header, 100)]);
  await assert.rejects(Array.fromAsync(streamSafetensors(source)), hasCode("truncated"));
});

Deno.test("names that the format cannot hold are refused when writing", () => {
  assert.throws(() => encodeSafetensors({ __metadata__: ramp }), RangeError);
  assert.throws(() => encodeSafetensors({ "\ud800": ramp }), RangeError);
});

Deno.test("each broken header is refused", () => {
  const entry = (fields: string) => file(`{"x":{${fields}}}`, 4);
  const good = '"dtype":"F32","shape":[1],"data_offsets":[0,4]';
  assert.equal(readSafetensors(entry(good)).tensors.size, 1);
  const broken: Record<string, Uint8Array> = {
    "no dtype": entry('"shape":[1],"data_offsets":[0,4]'),
    "no shape": entry('"dtype":"F32","data_offsets":[0,4]'),
    "no offsets": entry('"dtype":"F32","shape":[1]'),
    "dtype of Object.prototype": entry('"dtype":"toString","shape":[1],"data_offsets":[0,4]'),
    "shape of strings": entry('"dtype":"F32","shape":["1"],"data_offsets":[0,4]'),
    "offset 1e400": entry('"dtype":"F32","shape":[1],"data_offsets":[0,1e400]'),
    "overflow": entry(`"dtype":"F32","shape":[${2 ** 52},8],"data_offsets":[0,4]`),
    "same key twice": entry(`${good},"dtype":"F32"`),
    "array in a shape": entry('"dtype":"F32","shape":[[1]],"data_offsets":[0,4]'),
    "packed dtype that ends within a byte": file(
      '{"x":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}',
      2,
    ),
    "metadata of numbers": file('{"__metadata__":{"a":1}}'),
    "metadata that is a list": file('{"__metadata__":[]}'),
    "nothing": file(""),
    "trailing comma": file("{},"),
    "bad escape": file('{"\\x":{}}'),
    "control character": file('{"\n":{}}'),
  };
  for (const [name, bytes] of Object.entries(broken)) {
    assert.throws(() => readSafetensors(bytes), hasCode("format"), name);
  }
});

sharedTest("golden safetensors files are read whole, lazily and as streams", async () => {
  await checkGoldens(
    "safetensors",
    async (path) => readSafetensors(await Deno.readFile(path)).tensors,
  );
  await checkGoldens("safetensors", async (path) => {
    using reader = await SafetensorsReader.open(path);
    return new Map(await Array.fromAsync(reader.names, async (n) => [n, await reader.read(n)]));
  });
  await checkGoldens("safetensors", async (path) => {
    const { readable } = await Deno.open(path);
    return new Map(await Array.fromAsync(streamSafetensors(readable)));
  });
});

Deno.test("any tensors and names come back, in memory and as a stream", async () => {
  const next = random(11);
  const below = (n: number) => Math.floor(next() * n);
  for (let i = 0; i < 200; i++) {
    const tensors = new Map<string, Tensor>();
    for (let n = below(6); n > 0; n--) {
      const dtype = DTYPES[below(DTYPES.length)]!;
      const shape = [...Array.from({ length: below(4) }, () => below(5)), 4];
      const values = dtype === "BOOL" ? 2 : 256;
      const bytes = Uint8Array.from(
        { length: tensorByteLength(dtype, shape) },
        () => below(values),
      );
      const name = Array.from({ length: below(5) }, () => String.fromCodePoint(below(0xd000)));
      tensors.set(name.join(""), tensorFromBytes(dtype, shape, bytes));
    }
    const file = encodeSafetensors(tensors);
    const streamed = new Map(await Array.fromAsync(streamSafetensors(new Blob([file]).stream())));
    for (const found of [readSafetensors(file).tensors, streamed]) {
      assert.equal(found.size, tensors.size);
      for (const [name, t] of tensors) assertSameTensor(found.get(name), t);
    }
  }
});

Deno.test("damaged files give typed errors or tensors, never anything else", () => {
  const good = fixture("python.safetensors");
  for (const bytes of mutations(good, 5000)) {
    try {
      const { tensors } = readSafetensors(bytes);
      let size = 0;
      for (const t of tensors.values()) size += t.data.byteLength;
      assert.ok(size <= bytes.length);
    } catch (error) {
      assert.ok(error instanceof TransportError, String(error));
    }
  }
});

Deno.test("files are opened by URL", async () => {
  using reader = await SafetensorsReader.open(fixturePath("python.safetensors"));
  assert.deepEqual(reader.names.length, 7);
});

Deno.test("metadata that no reader would take is not written", () => {
  const lone = "a\ud83d";
  for (const metadata of [{ prompt: lone }, { [lone]: "" }]) {
    assert.throws(() => encodeSafetensors({}, metadata), RangeError);
  }
});

Deno.test("numbers of a header are written as whole numbers, as the reference wants", () => {
  const header = (shape: string, end: string) =>
    `{"x":{"dtype":"U8","shape":[${shape}],"data_offsets":[0,${end}]}}`;
  assert.deepEqual(readSafetensors(file(header("2", "2"), 2)).tensors.get("x")?.shape, [2]);
  for (const [shape, end] of [["2.0", "2"], ["2e0", "2"], ["2", "2.0"], ["-0,2", "0"]]) {
    const bytes = file(header(shape!, end!), Number(end));
    assert.throws(() => readSafetensors(bytes), hasCode("format"), `${shape} ${end}`);
  }
});

Deno.test("a boolean other than 0 and 1 is refused by every reader", async () => {
  const bytes = encodeSafetensors({ flag: tensor("BOOL", [2], new Uint8Array([1, 2])) });
  const wrong = hasCode("format");
  assert.throws(() => readSafetensors(bytes), wrong);
  using reader = await SafetensorsReader.open(bytes);
  await assert.rejects(reader.read("flag"), wrong);
  await assert.rejects(Array.fromAsync(streamSafetensors(new Blob([bytes]).stream())), wrong);
});

Deno.test("a header may be longer where it is allowed to be", async () => {
  const name = "x".repeat(100);
  const bytes = encodeSafetensors({ [name]: tensor("U8", [1]) });
  const short = { maxHeaderBytes: 150 };
  const stream = () => new Blob([bytes]).stream();
  assert.throws(() => readSafetensors(bytes, short), hasCode("limit"));
  await assert.rejects(SafetensorsReader.open(bytes, short), hasCode("limit"));
  await assert.rejects(Array.fromAsync(streamSafetensors(stream(), short)), hasCode("limit"));
  const long = { maxHeaderBytes: 200 };
  assert.ok(readSafetensors(bytes, long).tensors.has(name));
  using reader = await SafetensorsReader.open(bytes, long);
  assert.deepEqual(reader.names, [name]);
  assert.equal((await Array.fromAsync(streamSafetensors(stream(), long))).length, 1);
});
