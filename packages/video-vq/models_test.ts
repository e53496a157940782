import assert from "node:assert/strict";
import { openDecoder, openEncoder } from "./models.ts";
import { frameRateOf, openSource, rawSource } from "./sources.ts";
import { syntheticCheckpoint } from "./synthetic.ts";

Deno.test("models: a path is a reference; the two halves have the same id", async () => {
  const cache = await Deno.makeTempDir();
  try {
    const path = `${cache}/small.safetensors`;
    await Deno.writeFile(path, syntheticCheckpoint());
    using encoder = await openEncoder(path, { device: "cpu", cache });
    using decoder = await openDecoder(path, { device: "cpu", cache });
    assert.match(encoder.modelId, /^[0-9a-f]{16}$/);
    assert.equal(encoder.modelId, decoder.modelId);
    assert.match(encoder.description, /encoder, channels 32-32-32-32, raw weights, f32 on cpu/);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});

Deno.test("models: an unknown name is an error with a code", async () => {
  await assert.rejects(openEncoder("no-such-model"), { code: "model_unknown" });
});

Deno.test("sources: rates become the fractions that they stand for", () => {
  assert.deepEqual(frameRateOf(24), [24, 1]);
  assert.deepEqual(frameRateOf(23.976023976), [24000, 1001]);
  assert.deepEqual(frameRateOf(29.97), [30000, 1001]);
  assert.deepEqual(frameRateOf(12.5), [25, 2]);
  assert.throws(() => frameRateOf(0), RangeError);
});

Deno.test("sources: raw frames in any pieces; a piece of a frame at the end is an error", async () => {
  const size = { width: 4, height: 2 };
  const bytes = Uint8Array.from({ length: 3 * 24 }, (_, i) => i);
  const pieces = (length: number) =>
    ReadableStream.from([bytes.subarray(0, 5), bytes.subarray(5, length)]);
  await using whole = rawSource(pieces(72), { size, fps: 10 });
  const frames = await Array.fromAsync(whole.frames);
  assert.deepEqual(frames.map(({ data, pts }) => [data[0], pts]), [[0, 0], [24, 0.1], [48, 0.2]]);
  await using torn = rawSource(pieces(70), { size });
  await assert.rejects(Array.fromAsync(torn.frames), { code: "bad-source" });
  assert.throws(() => rawSource(pieces(72), {}), RangeError);
});

Deno.test("sources: a folder without pictures, and a camera that is not there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await assert.rejects(openSource(folder), { code: "bad-source" });
  } finally {
    await Deno.remove(folder);
  }
  const handler = () => new Response("no", { status: 404 });
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, handler);
  await assert.rejects(openSource(`http://127.0.0.1:${server.addr.port}/`), { code: "bad-source" });
});
