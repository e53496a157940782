import assert from "node:assert/strict";
import { openDecoder, openEncoder, VIDEO_MODELS } from "./models.ts";
import { syntheticCheckpoint } from "./official/synthetic.ts";
import { packedSize } from "./stream/tokens.ts";
import { spiedSessions } from "./testing/spied_sessions.ts";

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

Deno.test("models: of windows of many sizes, the sessions of two are held", async () => {
  const cache = await Deno.makeTempDir();
  try {
    const path = `${cache}/small.safetensors`;
    await Deno.writeFile(path, syntheticCheckpoint());
    for (const reference of [path, "vq-tiny"]) {
      using sessions = spiedSessions();
      using decoder = await openDecoder(reference, { device: "cpu", cache });
      for (let width = 1; width <= 6; width++) {
        const shape = { channels: 18, frames: 5, height: 1, width };
        await decoder.decode({ shape, packed: new Uint8Array(packedSize(shape)) });
        assert.equal(sessions.held.size, Math.min(2, width), reference);
      }
      assert.equal(sessions.runs.length, 6);
    }
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
