import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { derive, modelBytes, Session } from "@vcs/onnx";
import { type Checkpoint, openCheckpoint } from "@vcs/onnx/checkpoint";
import { readSafetensors } from "@vcs/transport/safetensors";
import { tensor, tensorBytes } from "@vcs/transport/tensor";
import { exactForms } from "#testing/int8_cosine.ts";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { type Activation, type ClipGraphOptions, textGraph, visionGraph } from "./graph.ts";
import { findClipWeights } from "./weights.ts";
import { pixelValues } from "./preprocess.ts";

const FILES = [
  "tiny_clip.torchscript.pt",
  "tiny_clip.open_clip.safetensors",
  "tiny_clip.hf.safetensors",
  "tiny_clip.state_dict.pt",
];
const open = (name: string): Promise<Checkpoint> =>
  openCheckpoint(sharedPath(`golden/clip/${name}`));
const expected = async () =>
  readSafetensors(await Deno.readFile(sharedPath("golden/clip/tiny_clip.expected.safetensors")))
    .tensors;

async function embed(checkpoint: Checkpoint, options: ClipGraphOptions): Promise<Float32Array> {
  const images = (await expected()).get("images_u8")!;
  const graph = visionGraph(findClipWeights(checkpoint).vision, options);
  using session = await Session.open(await modelBytes(graph), { device: "cpu", threads: 1 });
  const { embedding } = await session.run({ pixels: images });
  assert.deepEqual(embedding!.shape, [3, 512]);
  return embedding!.data as Float32Array;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);
}

for (const file of FILES) {
  sharedTest(
    `visionGraph() gives the reference's embeddings with the weights of ${file}`,
    async () => {
      using checkpoint = await open(file);
      for (const activation of ["quick_gelu", "gelu"] satisfies Activation[]) {
        const golden = (await expected()).get(`${activation}.embedding`)!.data as Float32Array;
        const difference = largestDifference(await embed(checkpoint, { activation }), golden);
        assert.ok(difference < 1e-4, `${activation}: differs by ${difference}`);
      }
    },
  );

  sharedTest(`findClipWeights() maps ${file} to the same tensors as the others`, async () => {
    const text = await Deno.readTextFile(sharedPath("golden/clip/tiny_clip.json"));
    const golden = JSON.parse(text) as { visual_tensors_fp32_sha256: Record<string, string> };
    using checkpoint = await open(file);
    const { vision } = findClipWeights(checkpoint);
    for (const [name, hash] of Object.entries(golden.visual_tensors_fp32_sha256)) {
      const weight = vision.get(name.replace("visual.", ""));
      const floats = await derive([weight], weight.shape, ([x]) => x).read();
      const actual = createHash("sha256").update(tensorBytes(floats)).digest("hex");
      assert.equal(actual, hash, name);
    }
    assert.deepEqual(vision.config, {
      ...{ width: 128, layers: 3, heads: 2, patchSize: 32, imageSize: 224, embedDim: 512 },
    });
  });
}

sharedTest("visionGraph() in 8 and in 16 bits stays near single precision", async (t) => {
  using checkpoint = await open(FILES[0]!);
  const full = await embed(checkpoint, { activation: "quick_gelu" });
  const size = Math.hypot(...full.subarray(0, 512));
  const ways = [
    ...(await exactForms()).map((weightForm) => ({ precision: "int8", weightForm } as const)),
    { precision: "fp16" } as const,
  ];
  for (const way of ways) {
    await t.step(Object.values(way).join(" "), async () => {
      const near = await embed(checkpoint, { activation: "quick_gelu", ...way });
      const relative = Math.hypot(...near.subarray(0, 512).map((x, i) => x - full[i]!)) / size;
      const allowed = way.precision === "int8" ? 0.05 : 0.003;
      assert.ok(relative > 0 && relative < allowed, `relative error ${relative}`);
    });
  }
});

sharedTest("pixelValues() gives the reference's values", async () => {
  const tensors = await expected();
  const images = tensors.get("images_u8")!.data as Uint8Array;
  const golden = tensors.get("pixel_values_0")!.data as Float32Array;
  const values = pixelValues(images.subarray(0, 224 * 224 * 3));
  assert.ok(largestDifference(values, golden) < 1e-6);
});

sharedTest("textGraph() takes the token at each text's end and looks only back", async () => {
  using checkpoint = await open("tiny_clip.state_dict.pt");
  const { text } = findClipWeights(checkpoint);
  const { contextLength, embedDim } = text!.config;
  const graph = textGraph(text!, { activation: "quick_gelu" });
  using session = await Session.open(await modelBytes(graph), { device: "cpu", threads: 1 });
  const tokens = new BigInt64Array(2 * contextLength);
  tokens.set([5n, 6n, 7n, 8n], 0);
  tokens.set([5n, 6n, 7n, 9n], contextLength);
  const run = async (end: bigint) => {
    const { embedding } = await session.run({
      tokens: tensor("I64", [2, contextLength], tokens),
      end: tensor("I64", [2, 1, 1], BigInt64Array.of(end, end)),
    });
    const data = embedding!.data as Float32Array;
    return [data.subarray(0, embedDim), data.subarray(embedDim)] as const;
  };
  const [a, b] = await run(2n);
  assert.deepEqual(a, b, "what follows the end has no influence");
  const [c, d] = await run(3n);
  assert.ok(largestDifference(c, d) > 1e-3);
});

Deno.test("findClipWeights() names what a file holds that is not CLIP", () => {
  const source = (names: string[]) => ({
    names,
    has: (name: string) => names.includes(name),
    info: () => ({ dtype: "F32" as const, shape: [1] }),
    read: () => Promise.resolve(tensor("F32", [1])),
  });
  assert.throws(() => findClipWeights(source(["blocks.0.attn.qkv.weight"])), {
    code: "bad-weights",
    message: /timm's names/,
  });
  assert.throws(() => findClipWeights(source(["encoder.weight"])), {
    code: "bad-weights",
    message: /found 1 tensors, the first named encoder.weight/,
  });
  assert.throws(() => findClipWeights(source(["visual.conv1.weight"])), { code: "bad-weights" });
});
