import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { random } from "#testing/fuzz.ts";
import { type DType, tensor, type TensorArrays } from "@vcs/transport/tensor";
import { OnnxError } from "./errors.ts";
import { GraphBuilder } from "./graph.ts";
import { findLibrary } from "./runtime/library.ts";
import { modelBytes, writeModel } from "./graph/model.ts";
import { loadRuntime, type Runtime } from "./runtime/ort.ts";
import { Session } from "./session.ts";

const CPU = { device: "cpu", threads: 1 };

/** A model whose run takes some time: products of large matrices, one after the other. */
async function slowModel(products: number): Promise<Uint8Array> {
  const g = new GraphBuilder("slow");
  const x = g.input("x", "F32", [512, 512]);
  const w = g.weight("w", tensor("F32", [512, 512], new Float32Array(512 * 512).fill(1 / 512)));
  let y = x;
  for (let i = 0; i < products; i++) y = g.matmul(y, w);
  g.output("y", y);
  return await modelBytes(g);
}

async function doubling(dtype: DType): Promise<Uint8Array> {
  const g = new GraphBuilder("double", { float: dtype === "F16" ? "F16" : "F32" });
  const x = g.input("x", dtype, ["N"]);
  g.output("y", dtype === "BOOL" ? g.op("Not", [x], {}, x) : g.add(x, x));
  return await modelBytes(g);
}

function isOnnxError(code: string) {
  return (error: unknown) => error instanceof OnnxError && error.code === code;
}

const CASES: { [D in DType]?: [TensorArrays[D], (number | bigint)[]] } = {
  F32: [new Float32Array([1.5, -2]), [3, -4]],
  F16: [new Float16Array([1.5, -2]), [3, -4]],
  F64: [new Float64Array([1.5, -2]), [3, -4]],
  I32: [new Int32Array([7, -2]), [14, -4]],
  U32: [new Uint32Array([7, 2]), [14, 4]],
  I64: [new BigInt64Array([7n, -2n]), [14n, -4n]],
  U64: [new BigUint64Array([7n, 2n]), [14n, 4n]],
  I8: [new Int8Array([7, -2]), [14, -4]],
  U8: [new Uint8Array([7, 2]), [14, 4]],
  BOOL: [new Uint8Array([1, 0]), [0, 1]],
};

for (const [dtype, [data, expected]] of Object.entries(CASES)) {
  Deno.test(`a run takes and gives ${dtype}`, async () => {
    using session = await Session.open(await doubling(dtype as DType), CPU);
    assert.equal(session.inputs[0]!.dtype, dtype);
    const { y } = await session.run({ x: tensor(dtype as DType, [2], data) });
    assert.equal(y!.dtype, dtype);
    assert.deepEqual([...y!.data], expected);
  });
}

Deno.test("threads that stay awake compute the same", async () => {
  const model = await slowModel(2);
  const x = tensor("F32", [512, 512], new Float32Array(512 * 512).fill(1));
  const results = await Promise.all([0, 20].map(async (spin) => {
    using session = await Session.open(model, { device: "cpu", threads: 2, spin });
    return (await session.run({ x })).y!;
  }));
  assert.deepEqual(results[0], results[1]);
});

Deno.test("a session reports the names, types and shapes of its model", async () => {
  const g = new GraphBuilder("values");
  const a = g.input("a", "F32", ["N", 4]);
  const b = g.input("b", "I64", []);
  g.output("sum", g.add(a, g.cast(b, "F32")));
  using session = await Session.open(await modelBytes(g), CPU);
  assert.deepEqual(session.inputs, [
    { name: "a", dtype: "F32", shape: ["N", 4] },
    { name: "b", dtype: "I64", shape: [] },
  ]);
  assert.deepEqual(session.outputs, [{ name: "sum", dtype: "F32", shape: ["N", 4] }]);
  assert.equal(session.device, "cpu");
});

Deno.test("a view into a larger buffer is passed as it lies", async () => {
  using session = await Session.open(await doubling("F32"), CPU);
  const all = new Float32Array([9, 1, 2, 9]);
  const { y } = await session.run({ x: tensor("F32", [2], all.subarray(1, 3)) });
  assert.deepEqual([...y!.data], [2, 4]);
});

Deno.test("tensors without elements and scalars pass", async () => {
  using session = await Session.open(await doubling("F32"), CPU);
  const { y } = await session.run({ x: tensor("F32", [0]) });
  assert.deepEqual(y!.shape, [0]);
});

Deno.test("outputs land in the given buffers", async () => {
  using session = await Session.open(await doubling("F16"), CPU);
  const y = tensor("F16", [2]);
  const x = tensor("F16", [2], new Float16Array([1, 2]));
  const result = await session.run({ x }, { outputs: { y } });
  assert.equal(result.y, y);
  assert.deepEqual([...y.data], [2, 4]);
});

Deno.test("a given buffer of another size is refused and left alone", async () => {
  using session = await Session.open(await doubling("F32"), CPU);
  const x = tensor("F32", [2]);
  const y = tensor("F32", [3], new Float32Array([5, 5, 5]));
  await assert.rejects(session.run({ x }, { outputs: { y } }), isOnnxError("run-failed"));
  assert.deepEqual([...y.data], [5, 5, 5]);
});

Deno.test("only the outputs that are wanted are made", async () => {
  const g = new GraphBuilder("two");
  const x = g.input("x", "F32", ["N"]);
  g.output("plus", g.add(x, 1));
  g.output("minus", g.sub(x, 1));
  using session = await Session.open(await modelBytes(g), CPU);
  const result = await session.run({ x: tensor("F32", [1]) }, { want: ["minus"] });
  assert.deepEqual(Object.keys(result), ["minus"]);
  assert.deepEqual([...result.minus!.data], [-1]);
});

Deno.test("a run gives what the first gave, also where the graph has values that nothing takes", async () => {
  const g = new GraphBuilder("unused");
  const a = g.abs(g.input("x", "F32", [64]));
  const b = g.abs(a);
  const c = g.sigmoid(b);
  g.add(b, b);
  g.output("y", g.add(a, c));
  using session = await Session.open(await modelBytes(g), CPU);
  const x = tensor("F32", [64], Float32Array.from({ length: 64 }, (_, i) => i - 32));
  const { y: first } = await session.run({ x });
  assert.ok(Math.abs(Number(first!.data[0]) - 33) < 1e-5);
  for (let i = 0; i < 3; i++) assert.deepEqual((await session.run({ x })).y, first);
});

Deno.test("a timer fires while a run is under way", async () => {
  using session = await Session.open(await slowModel(20), CPU);
  const x = tensor("F32", [512, 512], new Float32Array(512 * 512).fill(2));
  let hasFired = false;
  // A run that blocks gives its result before any timer; one that does not may still be overtaken
  // by its own result where the machine holds this thread up, but not every time.
  for (let tries = 0; tries < 10 && !hasFired; tries++) {
    const timer = setTimeout(() => hasFired = true);
    await session.run({ x });
    clearTimeout(timer);
  }
  assert.ok(hasFired);
});

Deno.test("runs may overlap", async () => {
  using session = await Session.open(await slowModel(20), CPU);
  const x = tensor("F32", [512, 512], new Float32Array(512 * 512).fill(2));
  const results = await Promise.all([session.run({ x }), session.run({ x }), session.run({ x })]);
  for (const { y } of results) assert.ok(Math.abs(Number(y!.data[0]) - 2) < 1e-3);
});

Deno.test("feeds are held while a run is under way and collected garbage does no harm", async () => {
  using session = await Session.open(await doubling("F32"), CPU);
  const next = random(3);
  const runs = Array.from({ length: 200 }, async () => {
    const values = Float32Array.from({ length: 1 + Math.floor(next() * 40) }, next);
    const { y } = await session.run({ x: tensor("F32", [values.length], values.slice()) });
    assert.deepEqual([...y!.data], [...values.map((v) => v + v)]);
  });
  for (let i = 0; i < 2000; i++) new Float32Array(1000);
  await Promise.all(runs);
});

Deno.test("a run does not block the event loop, and an aborted signal ends it", async () => {
  using session = await Session.open(await slowModel(500), CPU);
  const x = tensor("F32", [512, 512]);
  const reason = new Error("enough");
  const abort = new AbortController();
  const run = session.run({ x }, { signal: abort.signal });
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  abort.abort(reason);
  await assert.rejects(run, reason);
  await assert.rejects(session.run({ x }, { signal: abort.signal }), reason);
});

Deno.test("closing waits for runs under way and ends the session", async () => {
  const session = await Session.open(await slowModel(20), CPU);
  const x = tensor("F32", [512, 512]);
  const run = session.run({ x });
  session.close();
  session.close();
  assert.equal((await run).y!.data.length, 512 * 512);
  await assert.rejects(session.run({ x }), isOnnxError("session-closed"));
});

Deno.test("misuse of a run is a RangeError that names what the model takes", async () => {
  using session = await Session.open(await doubling("F32"), CPU);
  const x = tensor("F32", [2]);
  await assert.rejects(session.run({}), /^RangeError: Cannot run: input x is missing/);
  await assert.rejects(session.run({ x, z: x }), /^RangeError: .*found input "z", the model has x/);
  await assert.rejects(session.run({ x }, { want: ["q"] }), /^RangeError: .*output "q"/);
  await assert.rejects(
    session.run({ x: tensor("F64", [2]) }),
    /^RangeError: .*input x is F64 \[2\], the model takes F32 \[N\]/,
  );
  await assert.rejects(session.run({ x: tensor("F32", [2, 1]) }), RangeError);
  const shared = tensor("F32", [2], new Float32Array(new SharedArrayBuffer(8)));
  await assert.rejects(session.run({ x: shared }), TypeError);
});

Deno.test("a model that is none gives model-invalid", async () => {
  await assert.rejects(Session.open(new Uint8Array([1, 2, 3]), CPU), isOnnxError("model-invalid"));
  await assert.rejects(Session.open(new Uint8Array(), CPU), isOnnxError("model-invalid"));
  await assert.rejects(Session.open("/no/such/model.onnx", CPU), isOnnxError("model-invalid"));
});

Deno.test("options out of range are refused before anything is loaded", async () => {
  const model = new Uint8Array();
  await assert.rejects(Session.open(model, { threads: 0 }), RangeError);
  await assert.rejects(Session.open(model, { threads: 1.5 }), RangeError);
  await assert.rejects(Session.open(model, { spin: -1 }), RangeError);
  await assert.rejects(Session.open(model, { spin: 0.5 }), RangeError);
  await assert.rejects(Session.open(model, { device: "tpu" }), /expected auto, cpu, cuda/);
});

Deno.test("a library that is none gives library-missing with what to do", async () => {
  const options = { device: "cpu", library: "/no/such/library.so" };
  await assert.rejects(Session.open(new Uint8Array(), options), (error) => {
    assert.ok(error instanceof OnnxError);
    assert.equal(error.code, "library-missing");
    assert.match(error.message, /\/no\/such\/library\.so.*needed is a shared library/);
    return true;
  });
});

Deno.test("weights beside the model are mapped from any folder, also with blanks in its name", async () => {
  const folder = await Deno.makeTempDir({ prefix: "vcs onnx ü" });
  try {
    const g = new GraphBuilder("external");
    const w = tensor("F32", [300, 2], new Float32Array(600).fill(0.5));
    g.output("y", g.matmul(g.input("x", "F32", ["N", 300]), g.weight("w", w)));
    using session = await Session.open(await writeModel(g, folder), CPU);
    const { y } = await session.run({ x: tensor("F32", [1, 300], new Float32Array(300).fill(1)) });
    assert.deepEqual([...y!.data], [150, 150]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("thousands of runs and hundreds of opens and closes leave memory where it was", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc",
      fileURLToPath(new URL("testdata/memory.ts", import.meta.url)),
    ],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const left: { afterRuns: number; afterOpens: number } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  // A leak of 4 kB per run, or of one in forty models of 4 MB, would pass these bounds.
  assert.ok(left.afterRuns < 20e6, `${left.afterRuns} bytes in each 5,000 runs`);
  assert.ok(left.afterOpens < 20e6, `${left.afterOpens} bytes in each 200 opens`);
});

Deno.test("a model is released once, after the last of its runs", async () => {
  const runtime = loadRuntime(await findLibrary());
  const { release } = runtime;
  const released: string[] = [];
  const note = (what: string) => what === "session" && released.push(what);
  const spied: Runtime["release"] = (what, pointer) => (note(what), release(what, pointer));
  Object.assign(runtime, { release: spied });
  try {
    const session = await Session.open(await slowModel(20), CPU);
    const x = tensor("F32", [512, 512]);
    const run = session.run({ x });
    session.close();
    assert.deepEqual(released, []);
    await run;
    assert.deepEqual(released, ["session"]);
    (await Session.open(await doubling("F32"), CPU)).close();
    assert.deepEqual(released, ["session", "session"]);
  } finally {
    Object.assign(runtime, { release });
  }
});

Deno.test("the library is kept from reporting to its maker; what the user has set stays", async () => {
  const script = `
    const { loadRuntime } = await import("${import.meta.resolve("./runtime/ort.ts")}");
    loadRuntime("${import.meta.filename}");`;
  const { ORT_DISABLE_TELEMETRY: _, ...others } = Deno.env.toObject();
  for (const [set, wanted] of [[{}, "1"], [{ ORT_DISABLE_TELEMETRY: "0" }, "0"]] as const) {
    // Not a library: that it is refused shows that the variable was set before.
    const check = `try {${script}} catch { console.log(Deno.env.get("ORT_DISABLE_TELEMETRY")); }`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", check],
      clearEnv: true,
      env: { ...others, ...set },
    }).output();
    assert.equal(new TextDecoder().decode(stdout).trim(), wanted);
  }
});
