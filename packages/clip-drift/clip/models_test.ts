import { encodeSafetensors } from "@vcs/transport/safetensors";
import { elementCount, type Tensor, tensor } from "@vcs/transport/tensor";
import assert from "node:assert/strict";
import { random } from "#testing/fuzz.ts";
import { drawScene } from "../camera/scene.ts";
import { cosine } from "../drift.ts";
import { type Encoder, openEncoder } from "../encoder.ts";
import { CLIP_MODELS, clipCatalog, type ClipModel } from "./models.ts";

/** Parameters of image towers, in millions, as published. */
const PUBLISHED: { readonly [model: string]: [tensors: number, millions: number] } = {
  "ViT-B-32/openai": [152, 87.85],
  "ViT-B-16/openai": [152, 86.19],
  "ViT-L-14/openai": [296, 303.97],
  "ViT-L-14-336/openai": [296, 304.29],
  "ViT-B-32/laion2b_s34b_b79k": [152, 87.85],
  "ViT-B-32/datacomp_xl_s13b_b90k": [152, 87.85],
};

for (const [model, [tensors, millions]] of Object.entries(PUBLISHED)) {
  Deno.test(`${model} has an image tower of ${millions} million parameters`, async () => {
    const shapes = await CLIP_MODELS.find(model)!.tensors!();
    assert.equal(shapes.size, tensors);
    const sum = [...shapes.values()].reduce((s, shape) => s + elementCount(shape), 0);
    assert.equal((sum / 1e6).toFixed(2), millions.toFixed(2));
  });
}

Deno.test("the catalogue has these models, each by the spellings of its authors", () => {
  const found = CLIP_MODELS.models.map(({ name, activation }) => [name, activation]);
  const wanted = Object.keys(PUBLISHED).map((
    name,
  ) => [name, name.endsWith("/openai") ? "quick_gelu" : "gelu"]);
  assert.deepEqual(found, wanted);
  for (const name of ["ViT-L/14@336px", "vit-l-14-336", "ViT-L-14-336-quickgelu"]) {
    assert.equal(CLIP_MODELS.find(name)?.name, "ViT-L-14-336/openai", name);
  }
  for (const file of CLIP_MODELS.models.flatMap(({ files }) => files)) {
    if ("url" in file) assert.ok(file.url.startsWith("https://") && file.url.endsWith(file.file));
  }
});

/** The walk of CONTRIBUTING.md: an invented entry of another width, depth, patch and training. */
const ADDED: ClipModel = {
  ...{ name: "ViT-X-8/nobody", aliases: ["x8"], about: "a CLIP of nobody", bytes: 1e6 },
  files: [{ file: "x8.safetensors", repository: "nobody/x8" }],
  vision: { imageSize: 48, patchSize: 8, width: 128, heads: 2, layers: 2, embedDim: 24 },
  activation: "gelu",
};

/** Random weights where a download would have put them. */
async function putWeights(folder: string, { tensors }: ClipModel): Promise<void> {
  const next = random(7);
  const weights: Record<string, Tensor> = {};
  for (const [name, shape] of await tensors!()) {
    const data = Float32Array.from({ length: elementCount(shape) }, () => 0.4 * next() - 0.2);
    weights[name] = tensor("F32", shape, data);
  }
  await Deno.mkdir(`${folder}/models/nobody--x8`, { recursive: true });
  await Deno.writeFile(`${folder}/models/nobody--x8/x8.safetensors`, encodeSafetensors(weights));
}

/** Embeds an image with the model as an entry describes it. */
async function embed(
  folder: string,
  entry: ClipModel,
  check: (info: Encoder["info"]) => void = () => {},
): Promise<Float32Array> {
  const env = new Map([["VCS_CACHE", folder], ["VCS_OFFLINE", "1"]]);
  const options = { device: "cpu", threads: 1, cache: `${folder}/graphs` };
  using encoder = await openEncoder({
    ...{ ...options, model: "ViT-X-8", pretrained: "nobody" },
    catalog: clipCatalog([entry], { env }),
  });
  check(encoder.info);
  return await encoder.encode(drawScene("quay", 0, 64, 48));
}

Deno.test("a CLIP with other numbers goes from its name to an embedding", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await putWeights(folder, clipCatalog([ADDED]).models[0]!);
    const embedding = await embed(folder, ADDED, (info) => {
      assert.equal(info.weights, `${folder}/models/nobody--x8/x8.safetensors`);
      assert.deepEqual(
        [info.model, info.pretrained, info.imageSize, info.embeddingDim, info.activation],
        ["ViT-X-8", "nobody", 48, 24, "gelu"],
      );
      assert.equal(info.isActivationAssumed, undefined);
    });
    assert.equal(embedding.length, 24);
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-6);
    const trained = {
      activation: "quick_gelu",
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
    } as const;
    for (const [key, value] of Object.entries(trained)) {
      const other = await embed(folder, { ...ADDED, [key]: value });
      const alike = cosine(embedding, other);
      assert.ok(alike > 0 && alike < 0.99999, `${key}: ${alike}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
