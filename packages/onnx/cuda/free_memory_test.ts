import { hasPrograms, needs } from "#testing/shared.ts";
import assert from "node:assert/strict";
import { compileDriver } from "../testdata/cuda_driver.ts";
import { byFreeMemory, freeMemory } from "./free_memory.ts";

Deno.test("of several GPUs the one with most free memory comes first", () => {
  assert.deepEqual(byFreeMemory([1, 3, 2]), [1, 2, 0]);
  assert.deepEqual(byFreeMemory([5, 5, 7, 5]), [2, 0, 1, 3]);
  assert.deepEqual(byFreeMemory([]), []);
  // What NVML says nothing of comes last.
  assert.deepEqual(byFreeMemory([0, 0, 1]), [2, 0, 1]);
});

Deno.test({
  name: "free memory is asked by place on the bus, as NVML has its own numbers",
  ...needs(Deno.build.os === "linux" && hasPrograms("cc")),
  sanitizeResources: false,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const driver = await compileDriver(folder, { free: [6e9, 80e9, -1, 40e9] });
    const nvml = `${folder}/libnvidia-ml.so.1`;
    assert.deepEqual(freeMemory(driver, nvml), [6e9, 80e9, 0, 40e9]);
    assert.deepEqual(freeMemory(driver, `${folder}/none.so`), []);
    assert.deepEqual(freeMemory(`${folder}/none.so`, nvml), []);
    await Deno.remove(folder, { recursive: true });
  },
});
