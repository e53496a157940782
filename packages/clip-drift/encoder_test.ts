import assert from "node:assert/strict";
import { decodeImage } from "@vcs/media/image";
import { Session } from "@vcs/onnx/session";
import { encodeSafetensors, readSafetensors } from "@vcs/transport/safetensors";
import { sharedPath, sharedTest } from "#testing/shared.ts";
import { cosine } from "./drift.ts";
import { type Encoder, type EncoderOptions, modelName, openEncoder } from "./encoder.ts";
import { Labels, openLabels } from "./clip/labels.ts";
import { drawScene } from "./camera/scene.ts";
import { RANDOM_MERGES, randomClip } from "./testdata/random_clip.ts";

const TINY = "golden/clip/tiny_clip.open_clip.safetensors";

/** Opens the tiny CLIP with a cache of its own. */
async function withTinyClip(
  test: (encoder: Encoder) => Promise<void>,
  options: EncoderOptions = {},
): Promise<void> {
  const cache = await Deno.makeTempDir();
  try {
    const pretrained = sharedPath(TINY);
    const settings = { pretrained, device: "cpu", threads: 1, cache, ...options };
    using encoder = await openEncoder(settings);
    await test(encoder);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

sharedTest(
  "openEncoder() with a file of weights gives the reference's unit embeddings",
  async () => {
    await withTinyClip(async (encoder) => {
      const { tensors } = readSafetensors(
        await Deno.readFile(sharedPath("golden/clip/tiny_clip.expected.safetensors")),
      );
      const golden = tensors.get("quick_gelu.embedding_l2")!.data as Float32Array;
      const files = [
        "data/jpeg/pil_flower.jpg",
        "data/clip_golden/skimage_rocket.jpg",
        "data/jpeg/tower_progressive.jpg",
      ];
      const images = await Promise.all(
        files.map(async (file) => await decodeImage(await Deno.readFile(sharedPath(file)))),
      );
      const embeddings = await encoder.encodeBatch(images);
      embeddings.forEach((embedding, n) => {
        const most = embedding.reduce(
          (m, x, i) => Math.max(m, Math.abs(x - golden[n * 512 + i]!)),
          0,
        );
        assert.ok(most < 1e-4, `image ${n} differs by ${most}`);
      });
      const alone = await encoder.encode(images[1]!);
      assert.ok(alone.every((x, i) => Math.abs(x - embeddings[1]![i]!) < 1e-5));
      assert.ok(encoder.info.isActivationAssumed);
      const { model, activation, loaded, embeddingDim, device } = encoder.info;
      assert.deepEqual([model, activation, loaded, embeddingDim, device], [
        ...["ViT-B-32", "quick_gelu", true, 512, "cpu"],
      ]);
    });
  },
);

sharedTest("int8 gives an image the same embedding in any company", async () => {
  await withTinyClip(async (encoder) => {
    const quay = drawScene("quay", 0, 320, 240);
    const white = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(255) };
    const alone = await encoder.encode(quay);
    // The first runs alone, the others together.
    const together = await encoder.encodeBatch([white, white, quay, white]);
    const most = alone.reduce((m, x, i) => Math.max(m, Math.abs(x - together[2]![i]!)), 0);
    assert.ok(most < 1e-5, `differs by ${most}`);
  }, { precision: "int8" });
});

sharedTest("the activation of a file is the one that its configuration names", async () => {
  const folder = await Deno.makeTempDir();
  const pretrained = `${folder}/open_clip_model.safetensors`;
  await Deno.copyFile(sharedPath(TINY), pretrained);
  const configs = [["{}", "gelu"], ['{"quick_gelu": true}', "quick_gelu"]] as const;
  for (const [config, expected] of configs) {
    await Deno.writeTextFile(`${folder}/open_clip_config.json`, config);
    await withTinyClip(({ info }) => {
      assert.deepEqual([info.activation, info.isActivationAssumed], [expected, undefined]);
      return Promise.resolve();
    }, { pretrained });
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("openLabels() embeds texts with the tower and the merges beside the weights", async () => {
  const folder = await Deno.makeTempDir();
  const weights = `${folder}/clip.safetensors`;
  await Deno.writeFile(weights, encodeSafetensors(randomClip()));
  await Deno.writeTextFile(`${folder}/merges.txt`, RANDOM_MERGES);
  const info = { model: "ViT-B-32", pretrained: weights, device: "cpu", loaded: true, weights };
  const labels = await openLabels(["abcd", "dcba"], { ...info, embeddingDim: 32, imageSize: 224 });
  const { text, score } = labels.best(new Float32Array(32).fill(1));
  assert.ok(["abcd", "dcba"].includes(text) && score > 0.5 && score <= 1);
  await Deno.writeTextFile(`${folder}/merges.txt`, "#version\na b\n");
  await assert.rejects(openLabels(["a"], { ...info, embeddingDim: 32, imageSize: 224 }), {
    code: "no-weights",
    message: /found 518 tokens .* expected one of 515 tokens$/,
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("openLabels() says that GIST has no text tower", async () => {
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  await assert.rejects(openLabels(["a cat"], encoder.info), {
    code: "no-weights",
    message: "Cannot embed texts: gist has no text tower",
  });
});

Deno.test("Labels gives the label that fits best, as a share", () => {
  const labels = new Labels(["x", "y"], [Float32Array.of(1, 0), Float32Array.of(0, 1)]);
  const { text, score } = labels.best(Float32Array.of(0.71, 0.7));
  assert.equal(text, "x");
  assert.ok(score > 0.5 && score < 1);
  assert.throws(() => new Labels([], []), RangeError);
});

Deno.test("modelName() knows the spellings", () => {
  for (const name of ["ViT-B/32", "ViT-B-32", "ViT-B-32-quickgelu", "vit-B-32"]) {
    assert.equal(modelName(name), "ViT-B-32");
  }
  assert.equal(modelName("ViT-L/14@336px"), "ViT-L-14-336");
});

Deno.test("openEncoder() says what to do if weights are missing", async () => {
  await assert.rejects(openEncoder({ model: "ViT-B-32", pretrained: "no_such_tag" }), {
    code: "no-weights",
    message: /--model gist/,
  });
});

Deno.test("encodings that come together are the same as each alone", async () => {
  using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
  const images = Array.from({ length: 20 }, (_, i) => drawScene("quay", i, 64, 48));
  const together = await encoder.encodeBatch(images);
  const alone = await encoder.encode(images[13]!);
  assert.ok(cosine(alone, together[13]!) > 1 - 1e-6);
  assert.ok(Math.abs(Math.hypot(...alone) - 1) < 1e-6);
});

Deno.test("gist-colour sees colours that change, which gist does not, and no warmer light", async () => {
  const { data, ...size } = drawScene("quay", 0, 160, 120);
  const changed = (change: (rgb: number[]) => number[]) => {
    const bytes = new Uint8Array(data.length);
    for (let i = 0; i < data.length; i += 3) bytes.set(change([...data.subarray(i, i + 3)]), i);
    return { ...size, data: bytes };
  };
  // Other hues of the same brightness as GIST sees it; and a lamp that is a tenth warmer.
  const luma = ([r, g, b]: number[]) => 0.299 * r! + 0.587 * g! + 0.114 * b!;
  const other = changed((rgb) => {
    const [r, g, b] = rgb as [number, number, number];
    const less = luma(rgb) - luma([b, r, g]);
    return [b + less, r + less, g + less].map((v) => Math.max(0, Math.min(255, Math.round(v))));
  });
  const warm = changed(([r, g, b]) => [Math.min(255, 1.05 * r!), g!, 0.95 * b!]);
  const distances: Record<string, number[]> = {};
  for (const model of ["gist", "gist-colour"]) {
    using encoder = await openEncoder({ model, device: "cpu", threads: 1 });
    const all = await encoder.encodeBatch([{ ...size, data: new Uint8Array(data) }, other, warm]);
    const [a, ...rest] = all as [Float32Array, ...Float32Array[]];
    assert.equal(encoder.info.embeddingDim, a.length);
    distances[model] = rest.map((b) => 1 - cosine(a, b));
  }
  const { gist, "gist-colour": colour } = distances;
  assert.ok(gist![0]! < 0.1 && colour![0]! > 2 * gist![0]! + 0.05, JSON.stringify(distances));
  assert.ok(colour![1]! < 0.05, JSON.stringify(distances));
});

/** Images in each run of the model while `count` are encoded at once. */
async function runsOf(count: number): Promise<number[]> {
  const { run } = Session.prototype;
  const runs: number[] = [];
  Session.prototype.run = function (feeds, options) {
    runs.push(feeds["pixels"]!.shape[0]!);
    return run.call(this, feeds, options);
  };
  try {
    using encoder = await openEncoder({ model: "gist", device: "cpu", threads: 1 });
    const image = { width: 8, height: 8, data: new Uint8Array(3 * 8 * 8) };
    const found = await encoder.encodeBatch(Array(count).fill(image));
    assert.equal(found.length, count);
  } finally {
    Session.prototype.run = run;
  }
  return runs;
}

Deno.test("images that come while the model runs share the next run, at most 16", async () => {
  assert.deepEqual(await runsOf(40), [1, 16, 16, 7]);
});
