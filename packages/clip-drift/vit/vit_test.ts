/**
 * Compares with what transformers and SentencePiece make of the same weights and images:
 * `testdata/eyes.py` writes `testdata/eyes.json`.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Session } from "@vcs/onnx/session";
import { modelBytes } from "@vcs/onnx";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { elementCount } from "@vcs/transport/tensor";
import { type Shapes, sourceOf, tensorsOf } from "#testing/formula_weights.ts";
import { exactForms } from "#testing/int8_cosine.ts";
import { embedTexts, Labels, openLabels } from "../clip/labels.ts";
import { resizeCrop, type RgbImage } from "../clip/preprocess.ts";
import { cosine } from "../drift.ts";
import { type Encoder, type EncoderOptions, openEncoder } from "../encoder.ts";
import golden from "../testdata/eyes.json" with { type: "json" };
import { randomClip } from "../testdata/random_clip.ts";
import { ENCODER_MODELS } from "./models.ts";
import { kindOf } from "./registry.ts";
import { UnigramTokenizer } from "./unigram.ts";
import { vitGraph } from "./vit.ts";

/** The same bytes as the script makes. */
function picture([width, height]: readonly [number, number]): RgbImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    return (x * 3 + y * 5 + c * 60 + ((x * y) >> 5)) & 255;
  });
  return { width, height, data };
}

const PICTURES = golden.pictures.map((size) => picture(size as [number, number]));
const KINDS = { dinov2: golden.dinov2, siglip: golden.siglip };
const NAMES = { dinov2: "DINOv2-S-14", siglip: "SigLIP-B-16" };
const VOCABULARY = new URL("../testdata/tokenizer.json", import.meta.url);

const unit = (x: readonly number[] | Float32Array) => {
  const length = Math.hypot(...x);
  return Float32Array.from(x, (v) => v / length);
};

function assertNear(found: Float32Array, expected: Float32Array, most = 1e-4): void {
  assert.equal(found.length, expected.length);
  const apart = found.reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i]!)), 0);
  assert.ok(apart < most, `differs by ${apart}`);
}

/** Opens the small model of a kind from a folder, as a person would by a path. */
async function withSmall(
  kind: keyof typeof KINDS,
  test: (encoder: Encoder, path: string) => Promise<void>,
  options: EncoderOptions = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/model.safetensors`;
    await Deno.writeFile(path, encodeSafetensors(tensorsOf(KINDS[kind].shapes)));
    await Deno.copyFile(VOCABULARY, `${folder}/tokenizer.json`);
    using encoder = await openEncoder({
      ...{ model: NAMES[kind], pretrained: path, device: "cpu", threads: 1, cache: folder },
      ...options,
    });
    await test(encoder, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const kind of ["dinov2", "siglip"] as const) {
  const { shapes, pixels, embeddings } = KINDS[kind];

  Deno.test(`${kind}: images are framed as transformers does it, to the byte`, () => {
    const { vit, framing } = kindOf(sourceOf(shapes));
    const { imageSize } = vit(sourceOf(shapes), { activation: "gelu" });
    const hashes = PICTURES.map((image) => {
      const square = resizeCrop(image, imageSize, undefined, framing);
      return createHash("sha256").update(square).digest("hex");
    });
    assert.deepEqual(hashes, pixels);
  });

  Deno.test(`${kind}: openEncoder() gives the reference's unit embeddings`, () =>
    withSmall(kind, async (encoder) => {
      const found = await encoder.encodeBatch(PICTURES);
      found.forEach((embedding, i) => assertNear(embedding, unit(embeddings[i]!)));
      assertNear(await encoder.encode(PICTURES[1]!), found[1]!, 1e-5);
      assert.ok(cosine(found[0]!, found[1]!) < 0.999, "the images are not alike");
      const { model, activation, loaded, embeddingDim } = encoder.info;
      assert.deepEqual([model, activation, loaded, embeddingDim], [
        ...[NAMES[kind], undefined, true, 64],
      ]);
    }));

  Deno.test(`${kind}: 8 and 16 bits stay near single precision`, async () => {
    const source = sourceOf(shapes);
    const { vit, framing } = kindOf(source);
    const described = vit(source, { activation: "gelu" });
    const { imageSize } = described;
    const data = resizeCrop(PICTURES[0]!, imageSize, undefined, framing) as Uint8Array<ArrayBuffer>;
    const feeds = { pixels: { dtype: "U8" as const, shape: [1, imageSize, imageSize, 3], data } };
    const ways = [
      ...(await exactForms()).map((weightForm) => ({ precision: "int8", weightForm } as const)),
      { precision: "fp16" } as const,
    ];
    for (const way of ways) {
      const model = await modelBytes(vitGraph("small", described, way));
      using session = await Session.open(model, { device: "cpu", threads: 1 });
      const { embedding } = await session.run(feeds);
      const near = cosine(unit(embedding!.data as Float32Array), unit(embeddings[0]!));
      assert.ok(near > (way.precision === "int8" ? 0.99 : 0.9999), `${way.precision}: ${near}`);
    }
  });
}

Deno.test("the models have as many parameters as are published", async () => {
  const millions = async (name: string) => {
    const shapes = await ENCODER_MODELS.find(name)!.tensors!();
    const count = [...shapes.values()].reduce((sum, shape) => sum + elementCount(shape), 0);
    return (count / 1e6).toFixed(2);
  };
  // The mask token of DINOv2, as wide as a token, is not needed to run it.
  assert.equal(await millions("facebook/dinov2-small"), "22.06");
  assert.equal(await millions("dinov2_vitb14"), "86.58");
  assert.equal(await millions("DINOv2-L/14"), "304.37");
  assert.equal(await millions("google/siglip-base-patch16-224"), "92.88");
});

Deno.test("shapes of the catalogue are those of transformers' files, of other sizes", async () => {
  const rest = /^text_model|^logit_|mask_token/;
  for (const [kind, name] of Object.entries(NAMES)) {
    const published = await ENCODER_MODELS.find(name)!.tensors!();
    const small: Shapes = KINDS[kind as keyof typeof KINDS].shapes;
    const names = Object.keys(small).filter((tensor) => !rest.test(tensor));
    const two = [...published.keys()].filter((tensor) => !/layers?\.([2-9]|\d\d)\./.test(tensor));
    assert.deepEqual(two.sort(), names.sort());
  }
});

Deno.test("DINOv2's own names and Hugging Face's are of the same network", async () => {
  const own = await ENCODER_MODELS.find("DINOv2-B-14")!.tensors!();
  const { vit, name } = kindOf(sourceOf(Object.fromEntries(own)));
  assert.equal(name, "DINOv2");
  const { width, layers, heads, grid } = vit(sourceOf(Object.fromEntries(own)), {
    activation: "gelu",
  });
  assert.deepEqual([width, layers, heads, grid], [768, 12, 12, 37]);
});

Deno.test("weights of another kind than the model's are refused, and so is an activation", async () => {
  const opened = (kind: keyof typeof KINDS, options: EncoderOptions) =>
    withSmall(kind, () => Promise.resolve(), options);
  await assert.rejects(opened("dinov2", { model: "ViT-B-32" }), {
    code: "bad-weights",
    message:
      /^Cannot open ViT-B-32: found DINOv2's weights in .*, expected CLIP's, or --model DINOv2-S-14$/,
  });
  await assert.rejects(opened("siglip", { model: "DINOv2-S-14" }), { code: "bad-weights" });
  await assert.rejects(opened("siglip", { activation: "gelu" }), {
    name: "RangeError",
    message: /only CLIP's can be chosen/,
  });
});

Deno.test("SigLIP's tokens are those of transformers and SentencePiece", async () => {
  const tokenizer = new UnigramTokenizer(await Deno.readFile(VOCABULARY));
  const { texts, tokens } = golden.siglip;
  assert.deepEqual(texts.map((text) => tokenizer.encode(text, 16)), tokens);
});

Deno.test("a vocabulary that is none is refused", () => {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const vocab = [["</s>", 0], ["<unk>", 0]];
  for (
    const model of [
      ...[undefined, { type: "BPE", vocab, unk_id: 1 }, { type: "Unigram", vocab: {}, unk_id: 1 }],
      ...[{ type: "Unigram", vocab, unk_id: 2 }, { type: "Unigram", vocab: [["a"]], unk_id: 0 }],
      { type: "Unigram", vocab: [["<unk>", 0]], unk_id: 0 },
    ]
  ) {
    assert.throws(() => new UnigramTokenizer(bytes({ model })), SyntaxError);
  }
  assert.throws(() => new UnigramTokenizer(Uint8Array.of(1)), /found no JSON/);
});

Deno.test("SigLIP's labels have the reference's embeddings and probabilities", () =>
  withSmall("siglip", async (encoder) => {
    const { texts, textEmbeddings, probabilities } = golden.siglip;
    const found = await embedTexts(texts, encoder.info);
    found.forEach((embedding, i) => assertNear(unit(embedding), unit(textEmbeddings[i]!)));
    const labels = await openLabels(texts, encoder.info);
    for (const [i, image] of PICTURES.entries()) {
      const { text, score } = labels.best(await encoder.encode(image));
      const most = Math.max(...probabilities[i]!);
      assert.equal(text, texts[probabilities[i]!.indexOf(most)]);
      assert.ok(Math.abs(score - most) < 1e-4, `${score} instead of ${most}`);
    }
  }));

Deno.test("DINOv2 has no labels", () =>
  withSmall("dinov2", async ({ info }) => {
    await assert.rejects(openLabels(["a"], info), {
      code: "no-weights",
      message: "Cannot embed texts: DINOv2-S-14 has no text tower",
    });
  }));

Deno.test("Labels of SigLIP are probabilities of their own", () => {
  const labels = new Labels(["x"], [Float32Array.of(1, 0)], { scale: 10, bias: -10 });
  assert.equal(labels.best(Float32Array.of(1, 0)).score, 0.5);
  assert.ok(labels.best(Float32Array.of(0, 1)).score < 1e-4);
});

Deno.test("a file that is of no other kind is CLIP's", () => {
  const names = Object.keys(randomClip());
  const has = (name: string) => names.includes(name);
  const source = { ...sourceOf({}), names, has };
  assert.equal(kindOf(source).name, "CLIP");
});
