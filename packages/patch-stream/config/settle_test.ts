import assert from "node:assert/strict";
import type { PatchStreamConfig } from "../config.ts";
import { decodeOnly } from "../decode_only.ts";
import { patchStream } from "../patch_stream.ts";
import { readerOptions } from "../sampling/sampled_video.ts";
import { resolveDecodeConfig, resolvePatchConfig } from "./fields.ts";
import { settleBackends, settleDecoding } from "./settle.ts";

/** What a configuration comes to on a machine with these GPUs, and which were looked at. */
async function settled(config: Partial<PatchStreamConfig>, ...gpus: string[]) {
  const asked: string[] = [];
  const probe = (device: string) => {
    asked.push(device);
    return Promise.resolve(gpus.includes(device));
  };
  const resolved = resolvePatchConfig({ ...config, videoPath: "a.mp4" });
  const { decodeBackend, processBackend } = await settleBackends(resolved, probe);
  return [decodeBackend, processBackend, ...asked];
}

Deno.test("auto is the GPU where CUDA computes right, and processing follows decoding", async () => {
  assert.deepEqual(await settled({}, "cuda:0"), ["gpu", "gpu", "cuda:0", "cuda:0"]);
  assert.deepEqual(await settled({}), ["cpu", "cpu", "cuda:0"]);
  const second = { decodeDeviceId: 1, processDeviceId: 1 };
  assert.deepEqual(await settled(second, "cuda:0"), ["cpu", "cpu", "cuda:1"]);
  assert.deepEqual(await settled(second, "cuda:1"), ["gpu", "gpu", "cuda:1", "cuda:1"]);
});

Deno.test("what is named is not looked for, and auto follows it", async () => {
  assert.deepEqual(await settled({ decodeBackend: "cpu" }, "cuda:0"), ["cpu", "cpu"]);
  const gpu = { decodeBackend: "gpu" } as const;
  assert.deepEqual(await settled(gpu, "cuda:0"), ["gpu", "gpu", "cuda:0"]);
  assert.deepEqual(await settled(gpu), ["gpu", "cpu", "cuda:0"]);
  const processed = { processBackend: "gpu" } as const;
  assert.deepEqual(await settled(processed), ["cpu", "gpu", "cuda:0"]);
  assert.deepEqual(await settled({ processBackend: "cpu" }, "cuda:0"), ["gpu", "cpu", "cuda:0"]);
});

Deno.test("motion vectors are read on the CPU", async () => {
  assert.deepEqual(await settled({ energy: "codec" }, "cuda:0"), ["cpu", "cpu"]);
});

Deno.test("what auto came to is what the reader is opened with, and stands in the result", async () => {
  const videoPath = "apps/demo/clip.mp4";
  const config = resolveDecodeConfig({ videoPath, decodeDeviceId: 2 });
  const on = (isThere: boolean) => settleDecoding(config, () => Promise.resolve(isThere));
  assert.equal(readerOptions(await on(true)).device, "cuda:2");
  assert.equal(readerOptions(await on(false)).device, "cpu");
  const cpu = { videoPath, sequenceLength: 2, decodeBackend: "cpu" } as const;
  assert.equal((await decodeOnly(cpu)).decodedOn, "cpu");
  using session = await patchStream(cpu);
  const { decodedOn, processedOn } = session.collect();
  assert.deepEqual([decodedOn, processedOn], ["cpu", "cpu"]);
});
