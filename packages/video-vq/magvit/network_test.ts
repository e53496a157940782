import { encodeSafetensors, readSafetensors } from "@vcs/transport/safetensors";
import type { Tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Session } from "@vcs/onnx/session";
import { modelBytes } from "@vcs/onnx";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { VideoCheckpoint } from "../official/checkpoint.ts";
import { openCheckpointDecoder, openCheckpointEncoder } from "../official/tokenizer.ts";
import { FULL_NETWORK } from "./config.ts";
import { networkShapes } from "./network.ts";
import { SMALL_NETWORK, syntheticCheckpoint } from "../official/synthetic.ts";
import { pixelsToFloat } from "../frames/pixels.ts";
import {
  tokensFromIndices,
  tokensFromLatent,
  tokensFromPacked,
  tokensFromQuant,
} from "../stream/tokens.ts";

/** Runs a test with the reduced checkpoint of the goldens, unpacked. */
async function withGolden(run: (checkpoint: string, cache: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/tiny_video.ckpt`;
    const packed = await Deno.open(sharedPath("golden/video-vq/tiny_video.ckpt.gz"));
    const unpacked = packed.readable.pipeThrough(new DecompressionStream("gzip"));
    await Deno.writeFile(path, unpacked);
    await run(path, `${folder}/cache`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a test with a small random checkpoint of our own. */
async function withSynthetic(run: (checkpoint: string, cache: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/small.safetensors`;
    await Deno.writeFile(path, syntheticCheckpoint());
    await run(path, `${folder}/cache`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function golden(name: string): Record<string, Tensor> {
  const bytes = Deno.readFileSync(sharedPath(`golden/video-vq/tiny_video.${name}.safetensors`));
  return Object.fromEntries(readSafetensors(bytes).tensors);
}

/** Largest difference, over |expected| weighted as the goldens' tolerance says. */
function excess(found: Tensor<"F32">, wanted: Tensor, absolute: number, relative: number): number {
  const expected = wanted.data as Float32Array;
  assert.deepEqual(found.shape, wanted.shape);
  return found.data.reduce((worst, value, i) => {
    const allowed = absolute + relative * Math.abs(expected[i]!);
    return Math.max(worst, Math.abs(value - expected[i]!) / allowed);
  }, 0);
}

const FORMS = ["volume", "padded", "planes"] as const;
const CASES = ["17x128x128", "5x64x64", "1x64x64", "4x64x64", "1x24x40", "5x64x64.raw"] as const;

sharedTest("network: every golden of the reduced model, in every form of the graph", async () => {
  await withGolden(async (path) => {
    for (const name of CASES) {
      const weights = name.endsWith(".raw") ? "raw" : "ema";
      using checkpoint = await VideoCheckpoint.open(path, weights);
      const forms = name === "17x128x128" ? ["planes"] as const : FORMS;
      for (const form of forms) await checkCase(checkpoint, golden(name), form, `${name} ${form}`);
    }
  });
});

async function checkCase(
  checkpoint: VideoCheckpoint,
  expected: Record<string, Tensor>,
  form: "volume" | "padded" | "planes",
  what: string,
) {
  const { input_u8, h, quant, indices, packed, reconstruction } = expected;
  const [frames, height, width] = input_u8!.shape as [number, number, number];
  const x = pixelsToFloat(input_u8!.data as Uint8Array, frames, height, width);
  if (expected.input) assert.deepEqual(x.data, expected.input.data);
  const encoder = checkpoint.build("encoder", { frames, height, width }, { form });
  using first = await Session.open(await modelBytes(encoder), { device: "cpu" });
  const latent = (await first.run({ frames: x })).latent as Tensor<"F32">;
  assert(excess(latent, h!, 1e-4, 1e-5) <= 1, `${what}: h`);
  const tokens = tokensFromLatent(latent);
  assert.deepEqual(tokens.packed, packed!.data, `${what}: bits`);
  assert.deepEqual(tokensFromQuant(quant as Tensor<"F32">), tokens);
  assert.deepEqual(tokensFromIndices(indices as Tensor<"I64">, tokens.shape), tokens);
  const size = tokens.shape;
  const decoder = checkpoint.build("decoder", size, { form });
  using second = await Session.open(await modelBytes(decoder), { device: "cpu" });
  const y = (await second.run({ quant: quant! })).frames as Tensor<"F32">;
  assert(excess(y, reconstruction!, 1e-4, 0) <= 1, `${what}: reconstruction`);
}

sharedTest(
  "tokenizer: frames equal the golden bytes but for one level in a thousandth",
  async () => {
    await withGolden(async (path, cache) => {
      using encoder = await openCheckpointEncoder(path, { device: "cpu", cache });
      using decoder = await openCheckpointDecoder(path, { device: "cpu", cache });
      assert.equal(encoder.modelId, decoder.modelId);
      for (const name of ["5x64x64", "1x24x40"]) {
        const { input_u8, reconstruction_u8 } = golden(name);
        const [frameCount, height, width] = input_u8!.shape as [number, number, number];
        const data = input_u8!.data as Uint8Array;
        const tokens = await encoder.encode({ frameCount, height, width, data });
        const clip = await decoder.decode(tokens);
        const wanted = reconstruction_u8!.data as Uint8Array;
        const apart = clip.data.map((value, i) => Math.abs(value - wanted[i]!));
        assert(apart.every((difference) => difference <= 1));
        assert(apart.filter((difference) => difference > 0).length <= wanted.length / 1000);
      }
    });
  },
);

sharedTest("network: a decoder reads the decoder's tensors only", async () => {
  await withGolden(async (path) => {
    using checkpoint = await VideoCheckpoint.open(path);
    const before = checkpoint.bytesRead;
    const graph = checkpoint.build("decoder", { frames: 2, height: 8, width: 8 });
    const model = await modelBytes(graph);
    const read = checkpoint.bytesRead - before;
    assert(read < model.length * 1.02, `read ${read} bytes for a model of ${model.length}`);
    assert(!graph.weights.some(({ value }) => value.name.startsWith("encoder")));
  });
});

sharedTest("network: float16 keeps most signs, as norms stay in float32", async () => {
  await withGolden(async (path, cache) => {
    using encoder = await openCheckpointEncoder(path, { device: "cpu", cache, precision: "fp16" });
    const { input_u8, quant } = golden("5x64x64");
    const data = input_u8!.data as Uint8Array;
    const tokens = await encoder.encode({ frameCount: 5, height: 64, width: 64, data });
    const wanted = tokensFromQuant(quant as Tensor<"F32">);
    const same = tokens.packed.reduce(
      (sum, byte, i) => sum + 8 - ones(byte ^ wanted.packed[i]!),
      0,
    );
    assert(same / (8 * tokens.packed.length) > 0.98, `${same} of ${8 * tokens.packed.length}`);
  });
});

function ones(byte: number): number {
  return byte === 0 ? 0 : (byte & 1) + ones(byte >> 1);
}

Deno.test("network: the full size has the authors' 283 tensors and 370.5 million parameters", () => {
  const shapes = networkShapes(FULL_NETWORK);
  const count = (half: string) => {
    const own = [...shapes].filter(([key]) => key.startsWith(half));
    return [own.length, own.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b), 0)];
  };
  assert.deepEqual(count("encoder."), [133, 144_865_298]);
  assert.deepEqual(count("decoder."), [150, 225_682_051]);
  assert.deepEqual(shapes.get("decoder.up.3.upsample.conv1.conv_1.weight"), [4096, 512, 3, 3, 3]);
  assert.deepEqual(shapes.get("decoder.adaptive.0.gamma.weight"), [256, 18]);
});

Deno.test("network: 17 frames become 18 signs at 5 places in time, and 17 frames again", async () => {
  await withSynthetic(async (path, cache) => {
    using encoder = await openCheckpointEncoder(path, { device: "cpu", cache });
    using decoder = await openCheckpointDecoder(path, { device: "cpu", cache });
    const data = Uint8Array.from({ length: 17 * 32 * 32 * 3 }, (_, i) => (i * 7) & 255);
    const tokens = await encoder.encode({ frameCount: 17, height: 32, width: 32, data });
    assert.deepEqual(tokens.shape, { channels: 18, frames: 5, height: 4, width: 4 });
    const clip = await decoder.decode(tokens);
    assert.deepEqual([clip.frameCount, clip.height, clip.width], [17, 32, 32]);
  });
});

Deno.test("network: quant, indices and packed bits decode to the same bytes", async () => {
  const { tokensToIndices, tokensToQuant } = await import("../stream/tokens.ts");
  await withSynthetic(async (path, cache) => {
    using decoder = await openCheckpointDecoder(path, { device: "cpu", cache });
    const packed = Uint8Array.from({ length: 18 * 5 * 16 / 8 }, (_, i) => (i * 37) & 255);
    const tokens = tokensFromPacked(packed, { channels: 18, frames: 5, height: 4, width: 4 });
    const hash = async (t: typeof tokens) =>
      createHash("sha256").update((await decoder.decode(t)).data).digest("hex");
    const wanted = await hash(tokens);
    assert.equal(await hash(tokensFromQuant(tokensToQuant(tokens))), wanted);
    assert.equal(
      await hash(tokensFromIndices(tokensToIndices(tokens, "I64"), tokens.shape)),
      wanted,
    );
  });
});

Deno.test("network: a built graph is cached, and rebuilt when the checkpoint changes", async () => {
  await withSynthetic(async (path, cache) => {
    const id = async () => {
      using decoder = await openCheckpointDecoder(path, { device: "cpu", cache });
      return decoder.modelId;
    };
    const first = await id();
    assert.equal(await id(), first);
    await Deno.writeFile(path, syntheticCheckpoint(SMALL_NETWORK, 2));
    await Deno.utime(path, 1, 1);
    assert.notEqual(await id(), first);
  });
});

Deno.test("network: weights are found below the wrappers of training scripts", async () => {
  const path = await Deno.makeTempFile();
  try {
    const { tensors } = readSafetensors(syntheticCheckpoint(SMALL_NETWORK));
    const wrapped = [...tensors].map(([name, t]) => [`model_state/module.${name}`, t] as const);
    await Deno.writeFile(path, encodeSafetensors(new Map(wrapped)));
    using checkpoint = await VideoCheckpoint.open(path);
    assert.deepEqual(checkpoint.sized("decoder").config, SMALL_NETWORK);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("network: files that are something else are refused by name", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/other.safetensors`;
    await Deno.writeFile(
      path,
      encodeSafetensors({ x: { dtype: "F32", shape: [], data: new Float32Array(1) } }),
    );
    await assert.rejects(VideoCheckpoint.open(path), { code: "bad-model" });
    await assert.rejects(openCheckpointEncoder(`${folder}/none.ckpt`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
