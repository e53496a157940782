import assert from "node:assert/strict";
import { mutations } from "#testing/fuzz.ts";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensor, tensorBytes } from "@vcs/transport/tensor";
import { zipStream } from "@vcs/transport/internal";
import { openCheckpoint } from "./checkpoint.ts";
import { OnnxError } from "./errors.ts";
import {
  assertSame,
  checkpointFile,
  failsWith,
  fixturePath,
  join,
  op,
  pickledFile,
  readAll,
  rebuilt,
  storage,
} from "./testdata/checkpoint_cases.ts";
import { writeSparseCheckpoint } from "./testdata/sparse_checkpoint.ts";

const ramp = Float32Array.from({ length: 24 }, (_, i) => i / 8);

/** What make_checkpoints.py puts into every file of its tree. */
const tree: Record<string, Tensor> = {
  weight: tensor("F32", [2, 3, 4], ramp),
  transposed: tensor(
    "F32",
    [4, 2, 3],
    ramp.map((_, i) => ramp[(Math.floor(i / 3) % 2) * 12 + (i % 3) * 4 + Math.floor(i / 6)]!),
  ),
  half: tensor("F16", [2, 3, 4], new Float16Array(ramp)),
  brain: tensor(
    "BF16",
    [2, 3, 4],
    Uint16Array.from(new Uint32Array(ramp.buffer), (bits) => bits >>> 16),
  ),
  head: tensor("I64", [4], BigInt64Array.from([0n, 1n, 2n, 3n])),
  tail: tensor("I64", [4], BigInt64Array.from([6n, 7n, 8n, 9n])),
  scalar: tensor("F32", [], new Float32Array([2.5])),
  empty: tensor("F32", [0, 5]),
  flags: tensor("BOOL", [2], new Uint8Array([1, 0])),
  parameter: tensor("F32", [2], new Float32Array([1, 1])),
  unsigned: tensor("U16", [3], new Uint16Array([0, 1, 2])),
  float8: tensor("F8_E4M3", [2], new Uint8Array([0x30, 0xb8])),
};

Deno.test("files of PyTorch in each layout give the same tensors", async () => {
  const files = {
    "torch_zip.pt": "torch",
    "torch_protocol4.pt": "torch",
    "torch_no_crc.pt": "torch",
    "torch_legacy.pt": "torch-legacy",
  };
  for (const [file, format] of Object.entries(files)) {
    using checkpoint = await openCheckpoint(fixturePath(file));
    assert.equal(checkpoint.format, format);
    assert.deepEqual(checkpoint.names, Object.keys(tree));
    const tensors = await readAll(checkpoint);
    for (const [name, t] of Object.entries(tree)) {
      assertSame(tensors.get(name), t, `${file} ${name}`);
    }
  }
});

Deno.test("a TorchScript archive gives dotted names and the module's numbers", async () => {
  using checkpoint = await openCheckpoint(fixturePath("torchscript.pt"));
  assert.equal(checkpoint.format, "torchscript");
  assert.deepEqual(checkpoint.names, ["steps", "layers.0.weight", "layers.1.weight"]);
  assertSame(
    await checkpoint.read("layers.1.weight"),
    tensor("F32", [3, 4], ramp.slice(0, 12)),
    "layers.1.weight",
  );
  assert.equal(checkpoint.metadata.get("size"), 7);
  assert.equal(checkpoint.metadata.get("sizes/1"), 2);
});

Deno.test("a Lightning checkpoint gives nested names and hyper-parameters", async () => {
  using checkpoint = await openCheckpoint(fixturePath("lightning.ckpt"));
  assert.deepEqual(checkpoint.names, [
    "state_dict/module.encoder.weight",
    "state_dict/module.model_ema.encoderweight",
  ]);
  assert.equal(checkpoint.metadata.get("epoch"), 3);
  assert.equal(checkpoint.metadata.get("hyper_parameters.lr"), 0.5);
  assert.equal(checkpoint.metadata.get("hyper_parameters.ch_mult/2"), 4);
});

Deno.test("a name that is not there is a RangeError, in every format", async () => {
  for (const file of ["torch_zip.pt", "torch_legacy.pt"]) {
    using checkpoint = await openCheckpoint(fixturePath(file));
    assert.ok(!checkpoint.has("toString") && checkpoint.has("weight"));
    assert.throws(() => checkpoint.info("toString"), RangeError);
    await assert.rejects(checkpoint.read("wight"), RangeError);
  }
});

Deno.test("only what is asked for is read", async () => {
  const big = new Uint8Array(1 << 22);
  const path = await Deno.makeTempFile();
  try {
    const file = await checkpointFile(
      op.dict(
        op.text("small"),
        rebuilt(storage("ByteStorage", "s", 4), 0, [4], [1]),
        op.text("part"),
        rebuilt(storage("ByteStorage", "b", big.length), 100, [8], [1]),
        op.text("whole"),
        rebuilt(storage("ByteStorage", "b", big.length), 0, [big.length], [1]),
      ),
      { "data/b": big, "data/s": new Uint8Array([1, 2, 3, 4]) },
    );
    await Deno.writeFile(path, file);
    using checkpoint = await openCheckpoint(path);
    const opened = checkpoint.bytesRead;
    assert.ok(opened < file.length - big.length + 1000, `${opened} bytes to open`);
    await checkpoint.read("part");
    await checkpoint.read("small");
    assert.ok(checkpoint.bytesRead - opened < 200, `${checkpoint.bytesRead - opened} bytes`);
    await checkpoint.read("whole");
    assert.ok(checkpoint.bytesRead - opened > big.length);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a checkpoint of 6 GB is opened and read at its end", async () => {
  const path = await Deno.makeTempFile();
  try {
    await writeSparseCheckpoint(path, 100, 15_000_000);
    using checkpoint = await openCheckpoint(path);
    assert.equal(checkpoint.names.length, 100);
    assert.ok(checkpoint.bytesRead < 50_000, `${checkpoint.bytesRead} bytes to open`);
    const t = await checkpoint.read("layer.99.weight");
    assert.equal(t.data[0], 99);
    assert.ok(checkpoint.bytesRead < t.data.byteLength + 50_000);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("reads may run at the same time", async () => {
  using checkpoint = await openCheckpoint(fixturePath("torch_zip.pt"));
  const reads = Array.from({ length: 20 }, () => checkpoint.read("weight"));
  for (const t of await Promise.all(reads)) assertSame(t, tree["weight"]!, "weight");
});

const w = rebuilt(storage("FloatStorage", "0", 6), 0, [2, 3], [3, 1]);
const records = { "data/0": new Uint8Array(24).fill(1) };

Deno.test("a name that is not on the list is refused, by its name", async () => {
  const file = await checkpointFile(
    op.dict(op.text("w"), w, op.text("x"), op.global("my.pkg", "Config")),
    records,
  );
  await assert.rejects(openCheckpoint(file), failsWith("checkpoint-refused", /my\.pkg\.Config/));
  using checkpoint = await openCheckpoint(file, { allowGlobals: ["my.pkg.Config"] });
  assert.deepEqual(checkpoint.names, ["w"]);
});

Deno.test("all names that are not on the list are reported at once, with what allows them", async () => {
  const use = (module: string, name: string) => op.reduce(op.global(module, name), op.text("x"));
  const names = ["my.pkg.Config", "my.pkg.Schedule", "other.State"];
  const tree = op.dict(
    ...[op.text("a"), use("my.pkg", "Config"), op.text("b"), op.global("my.pkg", "Schedule")],
    ...[op.text("c"), use("other", "State"), op.text("w"), w],
  );
  const file = await checkpointFile(tree, records);
  const flags =
    /: \["my.pkg.Config","my.pkg.Schedule","other.State"\] }, --allow-class my.pkg.Config --allow-class my.pkg.Schedule --allow-class other.State$/;
  await assert.rejects(openCheckpoint(file), failsWith("checkpoint-refused", flags));
  const magic = op.long("6cfc9c46f9206aa85019");
  const pickles = [magic, op.int(1001), op.dict(), tree, op.list(op.text("0"))];
  const legacy = join(...pickles.map((pickle) => `${op.start}${pickle}.`));
  await assert.rejects(openCheckpoint(legacy), failsWith("checkpoint-refused", flags));
  const some = { allowGlobals: names.slice(0, 2) };
  await assert.rejects(
    openCheckpoint(file, some),
    failsWith("checkpoint-refused", /State, which is/),
  );
  using checkpoint = await openCheckpoint(file, { allowGlobals: names });
  assert.deepEqual(checkpoint.names, ["w"]);
  const many = Array.from({ length: 1000 }, (_, i) => op.global("x".repeat(500), `C${i}`));
  await assert.rejects(openCheckpoint(await checkpointFile(op.list(...many))), (error: Error) => {
    return failsWith("checkpoint-refused")(error) && error.message.length < 50_000;
  });
});

Deno.test("a tensor does not vanish with a class that was allowed", async () => {
  const file = await checkpointFile(
    op.dict(op.text("w"), op.reduce(op.global("my.pkg", "Quantiser"), w, op.int(3))),
    records,
  );
  using checkpoint = await openCheckpoint(file, { allowGlobals: ["my.pkg.Quantiser"] });
  assert.deepEqual(checkpoint.names, ["w/0"]);
});

for (const protocol of [2, 4, 5]) {
  Deno.test(`arrays of NumPy are tensors, its scalars values: protocol ${protocol}`, async () => {
    const pickle = await Deno.readFile(fixturePath(`numpy_${protocol}.pkl`));
    const file = await pickledFile(pickle);
    using checkpoint = await openCheckpoint(file);
    const ramp = Float32Array.from({ length: 6 }, (_, i) => i / 4);
    for (const name of ["plain", "fortran", "big"]) {
      assertSame(await checkpoint.read(name), tensor("F32", [2, 3], ramp), name);
    }
    const half = await checkpoint.read("half");
    assert.deepEqual([half.dtype, [...half.data as Float16Array]], ["F16", [...ramp]]);
    assert.deepEqual([...(await checkpoint.read("flags")).data], [1, 0]);
    assert.deepEqual((await checkpoint.read("none")).shape, [0, 3]);
    assertSame(await checkpoint.read("one"), tensor("U8", [], new Uint8Array([7])), "one");
    assert.equal((await checkpoint.read("random/1")).data.length, 624);
    const { metadata } = checkpoint;
    const values = ["best", "count", "low", "yes"].map((name) => metadata.get(name));
    assert.deepEqual(values, [0.25, -3n, 1.5, true]);
    assert.equal(metadata.get("text"), "array of U2 of NumPy, not read");
  });
}

Deno.test("arrays of NumPy that are damaged are refused, whole files never hang on them", async () => {
  const pickle = await Deno.readFile(fixturePath("numpy_4.pkl"));
  for (const bytes of mutations(pickle, 300)) {
    try {
      using checkpoint = await openCheckpoint(await pickledFile(new Uint8Array(bytes)));
      for (const name of checkpoint.names) await checkpoint.read(name);
    } catch (error) {
      assert.ok(error instanceof OnnxError, `${error}`);
    }
  }
});

Deno.test("tensors of kinds that are not read are named, whatever is allowed", async () => {
  const kinds: [string, string, RegExp][] = [
    ["torch._utils", "_rebuild_sparse_tensor", /sparse tensors/],
    ["torch._utils", "_rebuild_qtensor", /quantised tensors/],
    ["torch", "QInt8Storage", /quantised tensors/],
    ["torch", "quint8", /quantised tensors/],
    ["torch._utils", "_rebuild_meta_tensor_no_storage", /meta device/],
    ["torch._utils", "_rebuild_nested_tensor", /nested tensors/],
    ["torch._utils", "_rebuild_wrapper_subclass", /wrap others/],
    ["torch._utils", "_rebuild_device_tensor_from_numpy", /devices/],
  ];
  for (const [module, name, message] of kinds) {
    const file = await checkpointFile(
      op.dict(op.text("w"), w, op.text("x"), op.reduce(op.global(module, name), op.int(1))),
      records,
    );
    for (const allowGlobals of [[], [`${module}.${name}`]]) {
      await assert.rejects(
        openCheckpoint(file, { allowGlobals }),
        failsWith("checkpoint-refused", message),
        name,
      );
    }
  }
});

Deno.test("a boolean other than 0 and 1 is refused", async () => {
  const flags = rebuilt(storage("BoolStorage", "0", 2), 0, [2], [1]);
  const file = await checkpointFile(op.dict(op.text("f"), flags), {
    "data/0": new Uint8Array([1, 2]),
  });
  using checkpoint = await openCheckpoint(file);
  await assert.rejects(checkpoint.read("f"), failsWith("checkpoint-invalid", /"f".*0 or 1/));
});

Deno.test("a legacy file is little-endian, whatever it says of its writer", async () => {
  const bytes = await Deno.readFile(fixturePath("torch_legacy.pt"));
  const at = new TextDecoder("latin1").decode(bytes).indexOf("little_endian");
  const value = bytes.indexOf(0x88, at);
  assert.ok(at > 0 && value > at && value < at + 20, "the file says true of it");
  bytes[value] = 0x89;
  using checkpoint = await openCheckpoint(bytes);
  assertSame(await checkpoint.read("weight"), tree["weight"]!, "weight");
});

Deno.test("functions are refused wherever they stand", async () => {
  const names = [
    ["os", "system"],
    ["posix", "system"],
    ["builtins", "eval"],
    ["builtins", "getattr"],
    ["builtins", "__import__"],
    ["subprocess", "Popen"],
    ["torch", "load"],
    ["torch.jit", "load"],
    ["torch.hub", "load"],
    ["torch.storage", "_load_from_bytes"],
    ["torch.serialization", "load"],
    ["torch", "constructor"],
    ["numpy", "load"],
    ["numpy.testing._private.utils", "runstring"],
    ["operator", "attrgetter"],
    ["functools", "partial"],
    ["pickle", "loads"],
    ["collections", "namedtuple"],
  ] as const;
  for (const [module, name] of names) {
    for (const use of [op.global(module, name), op.reduce(op.global(module, name), op.text("x"))]) {
      const file = await checkpointFile(op.dict(op.text("w"), w, op.text("x"), use), records);
      await assert.rejects(
        openCheckpoint(file),
        failsWith("checkpoint-refused", new RegExp(`${module}\\.${name},`)),
        `${module}.${name}`,
      );
    }
  }
});

Deno.test("each broken tensor is refused when the file is opened", async () => {
  const floats = storage("FloatStorage", "0", 6);
  const v3 = (dtype: string, metadata = "") =>
    op.reduce(
      op.global("torch._utils", "_rebuild_tensor_v3"),
      op.tuple(
        op.text("storage"),
        op.global("torch.storage", "UntypedStorage"),
        op.text("0"),
        op.text("cpu"),
        op.int(24),
      ) + "Q",
      op.int(0),
      op.tuple(op.int(6)),
      op.tuple(op.int(1)),
      "\x89",
      "}",
      dtype,
      metadata,
    );
  const broken: Record<string, string> = {
    "past the storage": rebuilt(floats, 1, [2, 3], [3, 1]),
    "negative size": rebuilt(floats, 0, [-2, -3], [3, 1]),
    "negative stride": rebuilt(floats, 5, [6], [-1]),
    "negative offset": rebuilt(floats, -1, [2], [1]),
    "more sizes than strides": rebuilt(floats, 0, [2, 3], [3]),
    "huge size": rebuilt(floats, 0, [2 ** 30, 2 ** 30, 2 ** 30], [0, 0, 0]),
    "expanded without end": rebuilt(floats, 0, [2 ** 30, 2 ** 10], [0, 0]),
    "storage that is missing": rebuilt(storage("FloatStorage", "1", 6), 0, [6], [1]),
    "storage with a path": rebuilt(storage("FloatStorage", "../0", 6), 0, [6], [1]),
    "storage that is short": rebuilt(storage("FloatStorage", "0", 7), 0, [6], [1]),
    "storage of doubles": rebuilt(storage("DoubleStorage", "0", 6), 0, [6], [1]),
    "storage of a class that is none": rebuilt(storage("FancyStorage", "0", 6), 0, [6], [1]),
    "storage that is a number": rebuilt(op.int(1), 0, [6], [1]),
    "id that is a string": `${op.text("0")}Q`,
    "id of a module": `${op.tuple(op.text("module"), op.int(1))}Q`,
    "id without a count": `${
      op.tuple(
        op.text("storage"),
        op.global("torch", "FloatStorage"),
        op.text("0"),
        op.text("cpu"),
        "N",
      )
    }Q`,
    "sizes that are a list": op.reduce(
      op.global("torch._utils", "_rebuild_tensor_v2"),
      floats,
      op.int(0),
      op.list(op.int(6)),
      op.tuple(op.int(1)),
    ),
    "offset that is none": op.reduce(
      op.global("torch._utils", "_rebuild_tensor_v2"),
      floats,
      "N",
      op.tuple(),
      op.tuple(),
    ),
    "no arguments": op.reduce(op.global("torch._utils", "_rebuild_tensor_v2")),
    "parameter of a number": op.reduce(op.global("torch._utils", "_rebuild_parameter"), op.int(1)),
    "attributes upon attributes": `${
      op.global("torch._tensor", "_rebuild_from_type_v2")
    }q\x000)q\x01${"0h\x00Nh\x01\x87q\x01".repeat(20_000)}0h\x00h\x01R`,
    "dtype that is none": v3(op.global("torch", "Size")),
    "conjugated view": v3(op.global("torch", "float32"), op.dict(op.text("conj"), "\x88")),
  };
  for (const [name, code] of Object.entries(broken)) {
    const file = await checkpointFile(op.dict(op.text("w"), code), records);
    await assert.rejects(openCheckpoint(file), OnnxError, name);
  }
  const good = await checkpointFile(
    op.dict(op.text("w"), v3(op.global("torch", "float32"))),
    records,
  );
  using checkpoint = await openCheckpoint(good);
  assert.deepEqual(checkpoint.info("w"), { dtype: "F32", shape: [6] });
});

Deno.test("a flipped bit in a record is found when the tensor is read", async () => {
  const file = await checkpointFile(op.dict(op.text("w"), w), records);
  const at = file.indexOf(1, file.indexOf(0x2e) + 10);
  const data = file.subarray(
    file.findIndex((_, i) => i >= at && file.subarray(i, i + 24).every((byte) => byte === 1)),
  );
  data[3]! ^= 4;
  using checkpoint = await openCheckpoint(file);
  await assert.rejects(checkpoint.read("w"), failsWith("checksum-mismatch"));
});

Deno.test("compressed records are read too, whole and in part", async () => {
  const tensors = op.dict(
    op.text("w"),
    w,
    op.text("v"),
    rebuilt(storage("FloatStorage", "0", 6), 2, [2], [1]),
  );
  const file = await checkpointFile(tensors, records, true);
  using checkpoint = await openCheckpoint(file);
  assert.equal((await checkpoint.read("w")).data.byteLength, 24);
  assert.deepEqual(tensorBytes(await checkpoint.read("v")), new Uint8Array(8).fill(1));
});

Deno.test("byte order: big is swapped, others are refused", async () => {
  const order = (word: string) => ({ ...records, byteorder: new TextEncoder().encode(word) });
  const bytes = new Uint8Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer);
  const swapped = bytes.map((_, i) => bytes[(i & ~3) + 3 - (i & 3)]!);
  const big = await checkpointFile(op.dict(op.text("w"), w), {
    ...order("big"),
    "data/0": swapped,
  });
  using checkpoint = await openCheckpoint(big);
  assert.deepEqual([...(await checkpoint.read("w")).data], [1, 2, 3, 4, 5, 6]);
  for (const word of ["middle", "", "x".repeat(100)]) {
    const file = await checkpointFile(op.dict(op.text("w"), w), order(word));
    await assert.rejects(openCheckpoint(file), failsWith("checkpoint-invalid", /byteorder/));
  }
});

Deno.test("reading a big-endian tensor twice gives the same and leaves the file's bytes alone", async () => {
  const big = {
    ...records,
    byteorder: new TextEncoder().encode("big"),
    "data/0": Uint8Array.from({ length: 24 }, (_, i) => i),
  };
  const file = await checkpointFile(op.dict(op.text("w"), w), big);
  const before = file.slice();
  using checkpoint = await openCheckpoint(file);
  const first = tensorBytes(await checkpoint.read("w")).slice();
  assert.deepEqual(tensorBytes(await checkpoint.read("w")), first);
  assert.deepEqual(file, before);
});

Deno.test("a safetensors file may begin like other files", async () => {
  const json = JSON.stringify({ w: { dtype: "F32", shape: [1], data_offsets: [0, 4] } });
  for (const size of [0x4b50, 0x0280, 0x8b1f]) {
    const file = new Uint8Array(8 + size + 4);
    new DataView(file.buffer).setBigUint64(0, BigInt(size), true);
    file.set(new TextEncoder().encode(json.padEnd(size)), 8);
    using checkpoint = await openCheckpoint(file);
    assert.deepEqual([checkpoint.format, checkpoint.names], ["safetensors", ["w"]]);
  }
});

Deno.test("equal names are numbered, cycles are cut, a lone tensor is named", async () => {
  const twice = await checkpointFile(
    op.dict(op.text("a/b"), w, op.text("a"), op.dict(op.text("b"), w)),
    records,
  );
  assert.deepEqual((await openCheckpoint(twice)).names, ["a/b", "a/b#2"]);
  const cycle = await checkpointFile(`}q\x01(${op.text("me")}h\x01${op.text("w")}${w}u`, records);
  assert.deepEqual((await openCheckpoint(cycle)).names, ["w"]);
  assert.deepEqual((await openCheckpoint(await checkpointFile(w, records))).names, [""]);
});

Deno.test("names stay short and are made in bounded time", async () => {
  const many = (key: string, count: number) => `}(${`${key}K\x01`.repeat(count)}u`;
  const tuples = op.dict(op.text("w"), w, op.text("x"), many("]", 100_000));
  using listKeys = await openCheckpoint(await checkpointFile(tuples, records));
  assert.equal(listKeys.metadata.get("x/?#100000"), 1);
  const nested = `)${"\x85".repeat(100_000)}`;
  const deepKey = op.dict(op.text("w"), w, nested, op.int(1));
  using tupleKey = await openCheckpoint(await checkpointFile(deepKey, records));
  assert.equal(tupleKey.metadata.get("(?)"), 1);
  const long = op.dict(op.text("x".repeat(1 << 20)), op.list(...new Array(100).fill("K\x01")));
  await assert.rejects(
    openCheckpoint(await checkpointFile(long)),
    failsWith("limit", /long|memory/),
  );
});

Deno.test("values without end do not get into messages", async () => {
  const endless = `]${"\x85".repeat(50_000)}`;
  const cases = [
    `${op.tuple(endless, op.int(1))}Q`,
    op.reduce(op.global("_codecs", "encode"), op.text("a"), endless),
    rebuilt(storage("FloatStorage", "0", 6), 0, [], []).replace(
      op.tuple(),
      op.reduce(op.global("torch", "Size"), endless),
    ),
  ];
  for (const code of cases) {
    const file = await checkpointFile(op.dict(op.text("w"), code), records);
    await assert.rejects(openCheckpoint(file), OnnxError);
  }
});

Deno.test("what is not a checkpoint is refused with a hint", async () => {
  const cases: [string, RegExp][] = [
    ["\x1f\x8b\x08\x00", /gzip/],
    ["version https://git-lfs.github.com/spec/v1\n", /Git LFS/],
    ["<!DOCTYPE html>", /web page/],
    ["GGUF\x03", /GGUF/],
    [`${"\0".repeat(257)}ustar\x0000${"\0".repeat(248)}`, /tar archive/],
    ["\x08\x08\x12\x07pytorch:", /ONNX model/],
    ["hello", /neither/],
    ["", /neither/],
    ["PK", /end record/],
    ["\x80\x02K\x01.", /magic/],
  ];
  for (const [text, message] of cases) {
    await assert.rejects(openCheckpoint(join(text)), failsWith("checkpoint-invalid", message));
  }
  await assert.rejects(openCheckpoint("/nonexistent.pt"), Deno.errors.NotFound);
});

Deno.test("archives without tensors, without a tree or with two are refused", async () => {
  const invalid = failsWith("checkpoint-invalid");
  await assert.rejects(openCheckpoint(await checkpointFile("}", records)), invalid);
  await assert.rejects(
    openCheckpoint(await checkpointFile(w, { "x/data.pkl": join("N.") })),
    invalid,
  );
  const deep = "]".repeat(1000) + "a".repeat(999);
  await assert.rejects(
    openCheckpoint(await checkpointFile(deep)),
    failsWith("limit", /deeper/),
  );
});

Deno.test("damaged files give typed errors or tensors, never anything else", async () => {
  for (const file of ["torch_no_crc.pt", "torch_legacy.pt", "torchscript.pt", "lightning.ckpt"]) {
    const good = await Deno.readFile(fixturePath(file));
    for (const bytes of mutations(good, 2000, 5)) {
      try {
        using checkpoint = await openCheckpoint(bytes);
        await readAll(checkpoint);
      } catch (error) {
        assert.ok(error instanceof OnnxError, String(error));
      }
    }
  }
});

Deno.test("a tree of more than the budget is not unpacked", async () => {
  const entries = [{ name: "root/data.pkl", parts: [new Uint8Array(2 ** 27 + 1)] }];
  const stream = zipStream(entries, true) as ReadableStream<Uint8Array<ArrayBuffer>>;
  await assert.rejects(
    openCheckpoint(await new Response(stream).bytes()),
    failsWith("limit", /takes more than 134217728 bytes of memory/),
  );
});

Deno.test("a checkpoint that takes much memory is read where it may", async () => {
  const maps = `](${"}".repeat(500)}e`;
  const many = await checkpointFile(op.dict(op.text("w"), w, op.text("x"), maps), records);
  await assert.rejects(openCheckpoint(many, { maxBytes: 100_000 }), failsWith("limit", /maxBytes/));
  using checkpoint = await openCheckpoint(many, { maxBytes: 1_000_000 });
  assert.deepEqual(checkpoint.names, ["w"]);
  const header = encodeSafetensors(new Map([["x".repeat(1000), tensor("U8", [1])]]));
  await assert.rejects(openCheckpoint(header, { maxBytes: 8000 }), failsWith("limit", /1000/));
});

Deno.test("a part of a compressed record is read without holding the rest", async () => {
  const big = new Uint8Array(3 << 20).map((_, i) => i >> 12);
  const part = rebuilt(storage("ByteStorage", "b", big.length), 2_000_000, [9], [1]);
  const file = await checkpointFile(op.dict(op.text("p"), part), { "data/b": big }, true);
  using checkpoint = await openCheckpoint(file);
  assert.deepEqual((await checkpoint.read("p")).data, big.slice(2_000_000, 2_000_009));
});
