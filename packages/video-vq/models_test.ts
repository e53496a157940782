import assert from "node:assert/strict";
import { openDecoder, openEncoder, VIDEO_MODELS } from "./models.ts";
import { syntheticCheckpoint } from "./official/synthetic.ts";

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

Deno.test("models: an unknown name is an error with a code and the names that there are", async () => {
  await assert.rejects(openEncoder("no-such-model"), {
    code: "model-unknown",
    message: /hf:owner\/name\/file, open-magvit2-video, vidtok-fsq$/,
  });
});

Deno.test("models: the authors' checkpoint has 283 tensors, by the names of their averages", async () => {
  assert.deepEqual(VIDEO_MODELS.models.map(({ name }) => name), [
    "open-magvit2-video",
    "vidtok-fsq",
  ]);
  const shapes = await VIDEO_MODELS.find("video_128_262144.ckpt")!.tensors!();
  assert.equal(shapes.size, 283);
  const sum = [...shapes.values()].reduce((s, shape) => s + shape.reduce((a, b) => a * b, 1), 0);
  assert.equal(sum, 144_865_298 + 225_682_051);
  assert.deepEqual(shapes.get("model_ema.decoderconv_outconv_1weight"), [3, 128, 3, 3, 3]);
});

Deno.test("models: VidTok's checkpoint has 416 tensors of both halves", async () => {
  const model = VIDEO_MODELS.find("vidtok_fsq_causal_488_262144.ckpt")!;
  assert.equal(model.name, "vidtok-fsq");
  const shapes = await model.tensors!();
  assert.equal(shapes.size, 416);
  const sum = [...shapes.values()].reduce((s, shape) => s + shape.reduce((a, b) => a * b, 1), 0);
  assert.equal(sum, 69_230_472 + 88_221_189);
});
