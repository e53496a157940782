import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { NetworkWeights } from "@vcs/onnx";
import { modelBytes } from "@vcs/onnx";
import { Session } from "@vcs/onnx/session";
import { readSafetensors } from "@vcs/transport/safetensors";
import { type Tensor, tensorBytes } from "@vcs/transport/tensor";
import { openDecoder, openEncoder } from "../models.ts";
import { pixelsToFloat } from "../frames/pixels.ts";
import { BoundarySmoother } from "../stream/boundary_smoothing.ts";
import { buildTinyDecoder, buildTinyEncoder, TINY_MODEL } from "./graph.ts";
import { TINY_ID, TINY_WEIGHTS } from "./weights.ts";

/** Tensors of a file beside this test. */
async function tensorsOf(path: string): Promise<Record<string, Tensor>> {
  const file = await Deno.readFile(new URL(path, import.meta.url));
  const bytes = file[0] === 0x1f ? gunzipSync(file) : file;
  return Object.fromEntries(readSafetensors(bytes).tensors);
}

function furthest(a: Tensor, b: Tensor): number {
  assert.deepEqual(a.shape, b.shape);
  const [found, expected] = [a.data as Float32Array, b.data as Float32Array];
  return found.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0);
}

Deno.test("vq-tiny: both graphs give what the trained PyTorch network gives", async () => {
  const golden = await tensorsOf("../testdata/vq_tiny.safetensors");
  const run = async (half: "encoder" | "decoder", name: string, input: Tensor) => {
    const weights = NetworkWeights.of(await tensorsOf(`../weights/vq_tiny_${half}.safetensors.gz`));
    const build = half === "encoder" ? buildTinyEncoder : buildTinyDecoder;
    const g = build(16, 24, (key, shape) => weights.get(key, shape));
    const report = weights.report();
    assert.deepEqual([report.missing, report.mismatched, report.unexpected], [[], [], []]);
    using session = await Session.open(await modelBytes(g), { device: "cpu" });
    return Object.values(await session.run({ [name]: input }))[0]!;
  };

  const latent = await run(
    "encoder",
    "frames",
    pixelsToFloat(golden.frames!.data as Uint8Array, 17, 16, 24),
  );
  assert(furthest(latent, golden.latent!) < 1e-4);
  const signs = Float32Array.from(golden.latent!.data as Float32Array, (h) => h > 0 ? 1 : -1);
  const quant = { dtype: "F32", shape: golden.latent!.shape, data: signs } as const;
  assert(furthest(await run("decoder", "quant", quant), golden.decoded!) < 1e-4);
});

Deno.test("vq-tiny: the id is that of the decoder's weights", async () => {
  const weights = await tensorsOf("../weights/vq_tiny_decoder.safetensors.gz");
  const hash = createHash("sha256").update(TINY_MODEL);
  for (const name of Object.keys(weights).sort()) hash.update(tensorBytes(weights[name]!));
  assert.equal(hash.digest("hex").slice(0, 16), TINY_ID);
});

Deno.test("vq-tiny: the weights are bundled, with their digests, sizes and tensors", async () => {
  for (const { name, bytes, tensors } of TINY_WEIGHTS.models) {
    const { local, right } = await TINY_WEIGHTS.verify(name);
    assert.deepEqual([local.owner, right], ["package", true], name);
    assert.equal((await Deno.stat(local.path)).size, bytes);
    const found = await tensorsOf(pathToFileURL(local.path).href);
    assert.deepEqual([...(await tensors!()).keys()].sort(), Object.keys(found).sort());
  }
});

Deno.test("vq-tiny: damaged weights are noticed when they are loaded, each half by its own hash", async () => {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("VCS_PARTS");
  Deno.env.set("VCS_PARTS", folder);
  try {
    await Deno.mkdir(`${folder}/models`);
    const { files: [file], name } = TINY_WEIGHTS.find("vq-tiny-encoder")!;
    const { local } = await TINY_WEIGHTS.verify(name);
    const bytes = await Deno.readFile(local.path);
    bytes.subarray(1_000_000, 1_200_000).forEach((_, i, part) => part[i]! ^= 1);
    await Deno.writeFile(`${folder}/models/${file!.file}`, bytes);
    await assert.rejects(openEncoder("vq-tiny", { device: "cpu" }), {
      name: "OnnxError",
      code: "checksum-mismatch",
      message: /vq_tiny_encoder.* is not vq-tiny-encoder: found SHA-256/,
    });
    using decoder = await openDecoder("vq-tiny", { device: "cpu" });
    assert.ok(decoder.modelId);
  } finally {
    if (before === undefined) Deno.env.delete("VCS_PARTS");
    else Deno.env.set("VCS_PARTS", before);
    await Deno.remove(folder, { recursive: true });
  }
});

/** Bytes of a frame of 128×128. */
const SIZE = 128 * 128 * 3;

/** What comes back of two windows of one colour, 128×128, as a receiver shows them. */
async function rebuilt(colour: readonly number[]): Promise<Uint8Array[]> {
  using encoder = await openEncoder("vq-tiny", { device: "cpu" });
  using decoder = await openDecoder("vq-tiny", { device: "cpu" });
  assert.equal(encoder.modelId, decoder.modelId);
  const data = Uint8Array.from({ length: 17 * SIZE }, (_, i) => colour[i % 3]!);
  const window = { frameCount: 17, height: 128, width: 128 };
  const smoother = new BoundarySmoother();
  const frames: Uint8Array[] = [];
  for (let i = 0; i < 2; i++) {
    const clip = await decoder.decode(await encoder.encode({ ...window, data }));
    const { data: decoded, ...shape } = clip;
    assert.deepEqual(shape, window);
    smoother.smooth(clip);
    for (let t = 0; t < 17; t++) frames.push(decoded.subarray(t * SIZE, (t + 1) * SIZE));
  }
  return frames;
}

/** The mean of a channel of a frame. */
function meanOf(frame: Uint8Array, channel: number): number {
  return frame.reduce((sum, value, i) => i % 3 === channel ? sum + value : sum, 0) * 3 / SIZE;
}

/** A colour, and how far the means of its frames lie apart, in levels of a channel. */
const PURE: Readonly<Record<string, readonly [colour: readonly number[], spread: number]>> = {
  red: [[255, 0, 0], 4],
  green: [[0, 255, 0], 4.5],
  blue: [[0, 0, 255], 2],
  white: [[255, 255, 255], 2],
};

for (const [name, [colour, spread]] of Object.entries(PURE)) {
  Deno.test(`vq-tiny: pure ${name} stays it, in every frame, and does not pulse`, async () => {
    const frames = await rebuilt(colour);
    const errors = frames.map((frame) =>
      frame.reduce((sum, value, i) => sum + Math.abs(value - colour[i % 3]!), 0) / SIZE
    );
    assert.ok(Math.max(...errors) <= 8, `${errors.map((error) => error.toFixed(1))} levels off`);
    for (const channel of [0, 1, 2]) {
      const means = frames.map((frame) => meanOf(frame, channel));
      const steps = means.slice(1).map((mean, i) => Math.abs(mean - means[i]!));
      const shown = `channel ${channel}: ${means.map((mean) => mean.toFixed(1))}`;
      assert.ok(Math.max(...steps) <= 2, shown);
      assert.ok(Math.max(...means) - Math.min(...means) <= spread, shown);
    }
  });
}

Deno.test("vq-tiny: other numbers of frames and sizes are refused", async () => {
  using encoder = await openEncoder("vq-tiny", { device: "cpu" });
  const clip = (frameCount: number, height: number) => ({
    frameCount,
    height,
    width: 32,
    data: new Uint8Array(frameCount * height * 32 * 3),
  });
  await assert.rejects(encoder.encode(clip(16, 32)), RangeError);
  await assert.rejects(encoder.encode(clip(17, 30)), RangeError);
});
