import assert from "node:assert/strict";
import { listDevices, parseDevice, resolveDevice } from "./devices.ts";
import { OnnxError } from "./errors.ts";
import { findLibrary } from "./runtime/library.ts";
import { ONNX_RUNTIME } from "./runtime/runtime_part.ts";
import { checkVersion, loadRuntime } from "./runtime/ort.ts";
import { findFault } from "./runtime/probe.ts";

const devices = await listDevices();
const works = (name: string) => devices.find((d) => d.device === name)!.available;

Deno.test("names of devices are read", () => {
  assert.deepEqual(parseDevice("cpu"), { kind: "cpu" });
  assert.deepEqual(parseDevice("webgpu"), { kind: "webgpu" });
  assert.deepEqual(parseDevice("cuda"), { kind: "cuda", index: 0 });
  assert.deepEqual(parseDevice("cuda:3"), { kind: "cuda", index: 3 });
  for (const name of ["", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:1.5", "auto "]) {
    assert.throws(() => parseDevice(name), RangeError);
  }
});

Deno.test("every kind of device is reported, the CPU works", () => {
  assert.deepEqual(devices.map((d) => d.device), ["cuda:0", "webgpu", "cpu"]);
  assert.ok(works("cpu"));
  for (const { available, reason, help } of devices) {
    assert.deepEqual([available, help === undefined], Array(2).fill(reason === "works"));
  }
});

Deno.test("auto takes the first that works and says why the others do not", async () => {
  const { device, tried } = await resolveDevice();
  assert.equal(device, devices.find((d) => d.available)!.device);
  assert.deepEqual(tried, devices.slice(0, devices.findIndex((d) => d.available)));
});

for (
  const [name, hint] of [["cuda:0", /NVIDIA's driver, 580 or later|onnx pull cuda|use webgpu/], [
    "webgpu",
    /Vulkan/,
  ]] as const
) {
  Deno.test({
    name: `${name} asked for by name and missing is an error that says how to get it`,
    ignore: works(name),
    fn: async () => {
      await assert.rejects(resolveDevice(name), (error) => {
        assert.ok(error instanceof OnnxError);
        assert.equal(error.code, "device-unavailable");
        assert.match(error.message, new RegExp(`^Cannot use device ${name}: `));
        assert.match(error.message, hint);
        return true;
      });
    },
  });
}

Deno.test("a device that no machine has is refused by its name", async () => {
  await assert.rejects(resolveDevice("npu"), RangeError);
});

Deno.test("the library is the one of the table, or the given one", async () => {
  const { version } = loadRuntime(await findLibrary());
  assert.equal(version, ONNX_RUNTIME.packages[0]!.version);
  assert.equal(await findLibrary("/opt/own.so"), "/opt/own.so");
});

Deno.test("a device is tried by computing on it, also where its driver is missing", async () => {
  const runtime = loadRuntime(await findLibrary());
  assert.equal(await findFault(runtime, { kind: "cpu" }), undefined);
  if (!works("cuda:0")) {
    assert.match(await findFault(runtime, { kind: "cuda", index: 0 }) ?? "", /use cuda:0: /);
  }
});

Deno.test("a library that is too old is refused with its version and what is needed", () => {
  for (const version of ["1.21.0", "1.21.2-dev", "1.22", "1.30.0+cu12", "1.131.2"]) {
    checkVersion(version, "lib.so");
  }
  for (const version of ["1.20.1", "1.2.0", "1.210x", "0.19.0", "2.0.0", "v1.30.0"]) {
    assert.throws(() => checkVersion(version, "/opt/lib.so"), (error) => {
      assert.ok(error instanceof OnnxError);
      assert.equal(error.code, "library-version");
      const found =
        `Cannot use ONNX Runtime from /opt/lib.so: found version ${version}, needed is `;
      assert.ok(error.message.startsWith(`${found}1.21 or a later 1.x; `), error.message);
      return true;
    });
  }
  assert.throws(() => checkVersion("", "lib.so"), /found no version, needed is 1\.21 or a later/);
});
