/**
 * What is left of pictures' embeddings by the share of patches that is kept, and what an embedding
 * takes then: `deno run -A bench/together_patches.ts` writes `bench/results/together_patches.json`,
 * the table into the README of `@vcs/together`, and its plot. The weights are random, as CLIP's
 * ViT-B/32 and DINOv2's ViT-S/14 have them before training; `together embed-patches` does the same
 * with trained ones.
 *
 * @module
 */
import { openClipWeights } from "#testing/open_clip_weights.ts";
import { random } from "#testing/fuzz.ts";
import { cachedModel, Session, toFloat32 } from "@vcs/onnx";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { elementCount, tensor } from "@vcs/transport/tensor";
import { PatchEmbedder, patchGraph } from "../packages/together/patches/embedder.ts";
import { sharePlot, shareTable } from "../packages/together/patches/share_report.ts";
import { compareShares, type ShareComparison } from "../packages/together/patches/shares.ts";
import { clipVit, dinov2Vit, findClipWeights, type Vit } from "@vcs/clip-drift/internal";

const ROOT = new URL("../", import.meta.url);
const VIDEO = "apps/demo/clip.mp4";

/** Shapes of DINOv2's ViT-S/14 by its own names. */
function smallShapes(): Record<string, readonly number[]> {
  const width = 384;
  const block = {
    ...{ "norm1.weight": [width], "norm1.bias": [width] },
    ...{ "attn.qkv.weight": [3 * width, width], "attn.qkv.bias": [3 * width] },
    ...{ "attn.proj.weight": [width, width], "attn.proj.bias": [width] },
    ...{ "norm2.weight": [width], "norm2.bias": [width] },
    ...{ "mlp.fc1.weight": [4 * width, width], "mlp.fc1.bias": [4 * width] },
    ...{ "mlp.fc2.weight": [width, 4 * width], "mlp.fc2.bias": [width] },
  };
  const blocks = Array.from(
    { length: 12 },
    (_, i) => Object.entries(block).map(([name, shape]) => [`blocks.${i}.${name}`, shape] as const),
  );
  return {
    ...{ "cls_token": [1, 1, width], "pos_embed": [1, 37 * 37 + 1, width] },
    ...{ "patch_embed.proj.weight": [width, 3, 14, 14], "patch_embed.proj.bias": [width] },
    ...Object.fromEntries(blocks.flat()),
    ...{ "norm.weight": [width], "norm.bias": [width] },
  };
}

/** Layers uniform within 1/√in, embeddings within 0.02, norms 1 and biases 0. */
function randomWeights(shapes: Record<string, readonly number[]>): TensorSource {
  const names = Object.keys(shapes);
  const info = (name: string) => ({ dtype: "F32" as const, shape: shapes[name]! });
  const read = (name: string) => {
    const { shape } = info(name);
    const next = random(names.indexOf(name) + 1);
    const isEmbedding = /cls_token|pos_embed/.test(name);
    const bound = isEmbedding ? 0.02 : 1 / Math.sqrt(elementCount(shape.slice(1)));
    const one = name.endsWith("weight") ? 1 : 0;
    const value = () => shape.length === 1 ? one : bound * (2 * next() - 1);
    return tensor("F32", shape, Float32Array.from({ length: elementCount(shape) }, value));
  };
  return {
    names,
    has: (name) => name in shapes,
    info,
    read: (name) => Promise.resolve(read(name)),
  };
}

async function compare(vit: Vit, folder: string): Promise<ShareComparison> {
  const file = await cachedModel(patchGraph(vit), [vit.about], folder);
  const session = await Session.open(file, { device: "cpu", spin: 50 });
  using embedder = new PatchEmbedder(vit, session, toFloat32(await vit.positions.read()));
  return await compareShares(VIDEO, embedder, { frames: 9 });
}

const folder = await Deno.makeTempDir();
const vits: Record<string, Vit> = {
  "CLIP's ViT-B/32": clipVit(findClipWeights(openClipWeights()).vision, {
    activation: "quick_gelu",
  }),
  "DINOv2's ViT-S/14": dinov2Vit(randomWeights(smallShapes())),
};
const results: Record<string, ShareComparison> = {};
for (const [name, vit] of Object.entries(vits)) results[name] = await compare(vit, folder);
await Deno.remove(folder, { recursive: true });

const tables = Object.entries(results).map(([name, comparison]) => {
  const { grid, frames } = comparison;
  return `${name}, random weights, ${frames} frames of ${grid.columns} by ${grid.rows} patches:\n\n` +
    shareTable(comparison);
});
const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
await Deno.writeTextFile(
  new URL("bench/results/together_patches.json", ROOT),
  text({ video: VIDEO, weights: "random", results }),
);
const plot = sharePlot(results["DINOv2's ViT-S/14"]!);
await Deno.writeTextFile(new URL("packages/together/patches.svg", ROOT), plot);
const readme = new URL("packages/together/README.md", ROOT);
const marked = /(<!-- bench:together_patches -->\n)[^]*?(\n<!-- \/bench -->)/;
const before = await Deno.readTextFile(readme);
if (!marked.test(before)) throw new RangeError("Cannot write the table: the README has no mark");
await Deno.writeTextFile(readme, before.replace(marked, `$1\n${tables.join("\n\n")}\n$2`));
