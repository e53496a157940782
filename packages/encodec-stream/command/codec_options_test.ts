import assert from "node:assert/strict";
import { listDevices } from "@vcs/onnx/devices";
import { codecOptions } from "./codec_options.ts";

const { signal } = new AbortController();

/** The options that a codec is opened with, without how weights are found. */
async function chosen(options: Omit<Parameters<typeof codecOptions>[0], "allowClass">) {
  const { resolve, allowGlobals, ...rest } = await codecOptions(
    { allowClass: ["a.B"], ...options },
    signal,
  );
  assert.deepEqual(allowGlobals, ["a.B"]);
  assert.equal(resolve?.signal, signal);
  return rest;
}

Deno.test("-g N is a GPU that is there, else the processor; --device counts first", async () => {
  assert.deepEqual(await chosen({ gpu: -1 }), { device: "cpu" });
  const { device } = await chosen({ gpu: 0 });
  const [first] = await listDevices();
  assert.equal(device, first!.available ? "cuda:0" : "cpu");
  assert.deepEqual(await chosen({ gpu: 999, device: "webgpu" }), { device: "webgpu" });
  assert.deepEqual(await chosen({ gpu: 999 }), { device: "cpu" });
});

Deno.test("options that are absent leave the codec's defaults", async () => {
  assert.deepEqual(await chosen({}), {});
  assert.deepEqual(await chosen({ weights: "x.th", threads: 2 }), { weights: "x.th", threads: 2 });
});
