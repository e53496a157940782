import { hasPrograms, needs } from "#testing/shared.ts";
import assert from "node:assert/strict";
import { basename, dirname } from "node:path";
import { findLibrary } from "../runtime/library.ts";
import { commandAt, withFolder } from "../testdata/command.ts";
import { compileDriver, compileLibrary, type MadeDriver } from "../testdata/cuda_driver.ts";
import { CUDA_BUILD, CUFFT } from "./cuda_parts.ts";
import { findFiles, NVIDIA_PARTS } from "./load.ts";

const canCompile = Deno.build.os === "linux" && hasPrograms("cc");

/** Fills a cache with what looks like the CUDA build and NVIDIA's libraries. */
async function makeCuda(folder: string): Promise<void> {
  const options = { env: new Map([["VCS_CACHE", `${folder}/vcs`]]) };
  const libraries: string[] = [];
  for (const part of NVIDIA_PARTS) {
    for (const path of (await findFiles(part, options)).paths) {
      await compileLibrary(path);
      libraries.push(path);
    }
  }
  const { paths: [library = "", ...providers] } = await findFiles(CUDA_BUILD, options);
  const needed = libraries.filter((path) => /cublas|cudart/.test(path));
  for (const path of providers) await compileLibrary(path, needed);
  // A link to it would be loaded from where it leads to.
  await Deno.copyFile(await findLibrary(), library);
}

const nameOf = ({ device }: { readonly device: string }) => device;

/** What doctor says of a machine with such a driver, or without one. */
async function doctor(folder: string, driver?: MadeDriver) {
  const path = driver && dirname(await compileDriver(folder, driver));
  const onnx = commandAt("../mod.ts", path === undefined ? {} : { LD_LIBRARY_PATH: path });
  const { out, err, code } = await onnx(folder, "doctor", "--json");
  assert.deepEqual([code, err], [0, ""]);
  const { runtime, cuda, auto, devices } = JSON.parse(out);
  return { runtime, cuda, auto, first: devices[0], names: devices.map(nameOf) };
}

const cudaTest = (name: string, test: (folder: string) => Promise<void>) =>
  Deno.test({ name, ...needs(canCompile), fn: () => withFolder(test) });

cudaTest(
  "where CUDA works its build is opened, where a driver is missing the other",
  async (folder) => {
    await makeCuda(folder);
    const works = await doctor(folder, { gpus: 1 });
    assert.match(works.runtime.path, /onnxruntime-gpu@.*libonnxruntime\.so\.1\.\d+\.\d+$/);
    assert.equal(works.runtime.why, "the CUDA build, as an NVIDIA GPU is in reach");
    assert.ok(works.runtime.providers.includes("CPU"));
    assert.deepEqual([works.cuda.missing, works.cuda.problems], [[], []]);
    assert.deepEqual([works.cuda.driver, works.cuda.driverCuda], ["works", "13.1"]);
    // The made-up libraries do not compute; that is seen, and auto goes on.
    assert.deepEqual([works.first.device, works.first.available, works.auto], [
      "cuda:0",
      false,
      "cpu",
    ]);
    const several = await doctor(folder, { free: [2e9, 9e9, 4e9] });
    assert.deepEqual(several.names, ["cuda:1", "cuda:2", "cuda:0", "webgpu", "cpu"]);
    const blind = await doctor(folder, { init: 100 });
    assert.match(blind.runtime.path, /onnxruntime-node/);
    assert.match(blind.runtime.why, /not the CUDA build: NVIDIA's driver sees no GPU/);
    assert.match(blind.cuda.build, /onnxruntime-gpu@/);
    const old = await doctor(folder, { version: 12040, gpus: 1 });
    assert.match(old.runtime.why, /driver is for CUDA 12\.4, expected 13\.0/);
  },
);

cudaTest("a library that is missing is named, and the other build is opened", async (folder) => {
  await makeCuda(folder);
  const env = new Map([["VCS_CACHE", `${folder}/vcs`]]);
  const { paths: [cufft = ""] } = await findFiles(CUFFT, { env });
  await Deno.remove(cufft);
  for (const driver of [{ gpus: 1 }, undefined]) {
    const { runtime, cuda } = await doctor(folder, driver);
    assert.match(runtime.path, /onnxruntime-node/);
    assert.deepEqual(cuda.missing, [basename(cufft)]);
    const { reason, help } = cuda.problems.at(-1);
    assert.equal(reason, `the loader does not find ${basename(cufft)}`);
    assert.equal(help, "onnx pull cuda fetches them");
  }
});

cudaTest("a CUDA build of the user's own is judged by what it needs itself", async (folder) => {
  const own = `${folder}/own/libonnxruntime.so`;
  await compileLibrary(`${folder}/old/libcublas.so.12`);
  await compileLibrary(`${folder}/own/libonnxruntime_providers_cuda.so`, [
    `${folder}/old/libcublas.so.12`,
  ]);
  await Deno.copyFile(await findLibrary(), own);
  const driver = dirname(await compileDriver(folder, { version: 12040, gpus: 1 }));
  const env = { LD_LIBRARY_PATH: driver, VCS_ONNXRUNTIME: own };
  const { out } = await commandAt("../mod.ts", env)(folder, "doctor", "--json");
  const { runtime, cuda } = JSON.parse(out);
  assert.deepEqual([runtime.path, runtime.why], [own, "named by VCS_ONNXRUNTIME"]);
  assert.deepEqual(cuda.missing, ["libcublas.so.12"]);
  assert.match(
    cuda.problems[0].help,
    /unset VCS_ONNXRUNTIME: onnx pull cuda fetches another build/,
  );
});

cudaTest(
  "a device asked for by name says what to fetch where only that is missing",
  async (folder) => {
    const path = dirname(await compileDriver(folder, { gpus: 1 }));
    const script = `import { resolveDevice } from "${import.meta.resolve("../devices.ts")}";
    await resolveDevice("cuda").catch(({ code, message }) => console.log(code, message));`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", script],
      env: { VCS_CACHE: `${folder}/vcs`, LD_LIBRARY_PATH: path, NO_COLOR: "1" },
    }).output();
    assert.match(
      new TextDecoder().decode(stdout),
      /^device-unavailable Cannot use device cuda:0: ONNX Runtime's CUDA build is not on this machine; onnx pull cuda fetches it, with what it needs \(up to 1\.\d+ GB\)\n$/,
    );
  },
);
