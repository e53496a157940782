import assert from "node:assert/strict";
import { findLibrary } from "./library.ts";
import { loadRuntime, type Runtime } from "./ort.ts";
import { findFault } from "./probe.ts";

const real = loadRuntime(await findLibrary());

/** The runtime with another way to run networks. */
function runtimeThat(run: Runtime["callAsync"]): Runtime {
  const callAsync: Runtime["callAsync"] = (name, ...rest) =>
    name === "run" ? run(name, ...rest) : real.callAsync(name, ...rest);
  return Object.assign(Object.create(real), { callAsync });
}

Deno.test("findFault() names what a device computed where that is wrong", async () => {
  assert.equal(await findFault(real, { kind: "cpu" }), undefined);
  const idle = runtimeThat(() => Promise.resolve());
  assert.equal(await findFault(idle, { kind: "cpu" }), "it computed 0 in place of 8");
});

Deno.test("findFault() gives the message of a device that fails", async () => {
  const failing = runtimeThat(() => Promise.reject(new Error(" out of order \n")));
  assert.equal(await findFault(failing, { kind: "cpu" }), "out of order");
});
