import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { sharedTest } from "#testing/shared.ts";
import { TransportError } from "./errors.ts";
import { encodeNpz, NpzReader, npzStream, readNpz } from "./npz.ts";
import { encodeNpy } from "./npy.ts";
import { type Tensor, tensor } from "./tensor.ts";
import {
  assertSameTensor,
  checkGoldens,
  fixture,
  fixturePath,
  hasCode,
  ints,
  ramp,
} from "./testdata/format_cases.ts";
import { zipStream } from "./formats/zip_writer.ts";

async function zip(members: Record<string, Uint8Array>, compress = false): Promise<Uint8Array> {
  const entries = Object.entries(members).map(([name, bytes]) => ({ name, parts: [bytes] }));
  const stream = zipStream(entries, compress) as ReadableStream<Uint8Array<ArrayBuffer>>;
  return await new Response(stream).bytes();
}

Deno.test("files of NumPy are read", async () => {
  for (const name of ["numpy_stored.npz", "numpy_deflated.npz"]) {
    using reader = await NpzReader.open(fixturePath(name));
    assert.deepEqual(reader.names, ["ramp", "ints"]);
    assert.deepEqual(await reader.info("ints"), { dtype: "I64", shape: [5] });
    assertSameTensor(await reader.read("ramp"), ramp);
    assertSameTensor(await reader.read("ints"), ints);
    await assert.rejects(reader.read("none"), hasCode("missing"));
  }
});

Deno.test("what is written comes back, stored and deflated, with awkward names", async () => {
  const tensors = new Map<string, Tensor>([
    ["x", ramp],
    ["__proto__", ints],
    ["../up", tensor("U8", [0])],
    ["ünï/🎥", tensor("F64", [])],
    ["big", tensor("U8", [3_000_000])],
  ]);
  for (const compress of [false, true]) {
    const bytes = await encodeNpz(tensors, { compress });
    assert.equal(bytes.length < 1_000_000, compress);
    const read = await readNpz(bytes);
    assert.deepEqual([...read.keys()], [...tensors.keys()]);
    for (const [name, t] of tensors) assertSameTensor(read.get(name), t);
  }
});

Deno.test("no arrays at all is a file too", async () => {
  assert.equal((await readNpz(await encodeNpz({}))).size, 0);
});

Deno.test("a stream refuses a name that comes twice", async () => {
  const twice: [string, Tensor][] = [["x", ramp], ["x", ints]];
  await assert.rejects(Array.fromAsync(npzStream(twice)), RangeError);
});

Deno.test("one array of a large file is read alone", async () => {
  const path = await Deno.makeTempFile();
  try {
    const tensors = { big: tensor("F32", [1 << 21]), small: ints };
    await Deno.writeFile(path, await encodeNpz(tensors));
    using reader = await NpzReader.open(path);
    await reader.read("small");
    assert.deepEqual((await reader.info("big")).shape, [1 << 21]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a member that inflates to more than its array is refused", async () => {
  const npy = encodeNpy(tensor("U8", [4]));
  const padded = new Uint8Array(8_000_000);
  padded.set(npy);
  const bytes = await zip({ "x.npy": padded }, true);
  await assert.rejects(readNpz(bytes), hasCode("format"));
});

Deno.test("members that are no npy files, and two of one name, are refused", async () => {
  await assert.rejects(readNpz(await zip({ "x.npy": new Uint8Array(3) })), hasCode("format"));
  await assert.rejects(readNpz(await zip({ "x.npy": new Uint8Array() })), hasCode("format"));
  const npy = encodeNpy(ramp);
  await assert.rejects(readNpz(await zip({ x: npy, "x.npy": npy })), hasCode("format"));
});

sharedTest("golden npz files are read", async () => {
  await checkGoldens("npz", (path) => readNpz(path));
});

Deno.test("damaged files give typed errors or tensors, never anything else", async () => {
  for (const name of ["numpy_stored.npz", "numpy_deflated.npz"]) {
    for (const bytes of mutations(fixture(name), 1500)) {
      try {
        await readNpz(bytes);
      } catch (error) {
        assert.ok(error instanceof TransportError, String(error));
      }
    }
  }
});

Deno.test("an array that is not read is named, and the others are read", async () => {
  const text = encodeNpy(tensor("U8", [4]));
  const at = new TextDecoder("latin1").decode(text).indexOf("|u1");
  text.set(new TextEncoder().encode("<U1"), at);
  const bytes = await zip({ "good.npy": encodeNpy(ramp), "words.npy": text });
  await assert.rejects(readNpz(bytes), (error) => {
    assert.ok(error instanceof TransportError && error.code === "unsupported");
    assert.match(error.message, /array "words" of .*<U1/);
    return true;
  });
  using reader = await NpzReader.open(bytes);
  assertSameTensor(await reader.read("good"), ramp);
});

Deno.test("compressed arrays become as large as is allowed, stored ones are as they are", async () => {
  const tensors = { a: tensor("U8", [1000]), b: tensor("U8", [1000]) };
  const small = { maxBytes: 1500 };
  const packed = await encodeNpz(tensors, { compress: true });
  await assert.rejects(readNpz(packed, small), hasCode("limit"));
  using reader = await NpzReader.open(packed, small);
  assert.equal((await reader.read("a")).data.length, 1000);
  using smaller = await NpzReader.open(packed, { maxBytes: 999 });
  await assert.rejects(smaller.read("a"), hasCode("limit"));
  assert.equal((await readNpz(packed, { maxBytes: 3000 })).size, 2);
  assert.equal((await readNpz(await encodeNpz(tensors), small)).size, 2);
});

Deno.test("many small arrays of a file come from few reads", async () => {
  const tensors = new Map<string, Tensor>(
    Array.from({ length: 500 }, (_, i) => [`a${i}`, tensor("U8", [3], new Uint8Array(3).fill(i))]),
  );
  const path = await Deno.makeTempFile();
  const { read } = Deno.FsFile.prototype;
  let reads = 0;
  Deno.FsFile.prototype.read = function (into) {
    reads++;
    return read.call(this, into);
  };
  try {
    for (const compress of [false, true]) {
      await Deno.writeFile(path, await encodeNpz(tensors, { compress }));
      reads = 0;
      const back = await readNpz(path);
      assert.ok(reads < 10, `${reads} reads`);
      for (const [name, t] of tensors) assertSameTensor(back.get(name)!, t);
    }
  } finally {
    Deno.FsFile.prototype.read = read;
    await Deno.remove(path);
  }
});
