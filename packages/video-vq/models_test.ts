import assert from "node:assert/strict";
import { openDecoder, openEncoder } from "./models.ts";
import { syntheticCheckpoint } from "./magvit/synthetic.ts";

Deno.test("models: a path is a reference; the two halves have the same id", async () => {
  const cache = await Deno.makeTempDir();
  try {
    const path = `${cache}/small.safetensors`;
    await Deno.writeFile(path, syntheticCheckpoint());
    using encoder = await openEncoder(path, { device: "cpu", cache });
    using decoder = await openDecoder(path, { device: "cpu", cache });
    assert.match(encoder.modelId, /^[0-9a-f]{16}$/);
    assert.equal(encoder.modelId, decoder.modelId);
    assert.match(encoder.description, /encoder, channels 32-32-32-32, raw parameters, fp32 on cpu/);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});

Deno.test("models: an unknown name is an error with a code", async () => {
  await assert.rejects(openEncoder("no-such-model"), { code: "model-unknown" });
});
