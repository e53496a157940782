/**
 * Compares with what PyTorch and transformers make of the same weights: `testdata/vits.py` writes
 * `testdata/vits.json`.
 */
import { modelBytes, Session, toFloat32 } from "@vcs/onnx";
import assert from "node:assert/strict";
import golden from "./testdata/vits.json" with { type: "json" };
import { clipVit, dinov2Vit, findClipWeights } from "@vcs/clip-drift/internal";
import { sourceOf, valuesOf } from "#testing/formula_weights.ts";
import { writeVit } from "./testdata/vits.ts";
import { openPatchEmbedder, PatchEmbedder, patchGraph, type PatchGrid } from "./embedder.ts";
import type { Vit } from "./vit.ts";

const PATCH = 7;

/** All patches of the script's picture, planes one after the other. */
function patchesOf({ rows, columns }: PatchGrid): Float32Array[] {
  const [height, width] = [rows * PATCH, columns * PATCH];
  const picture = valuesOf("picture", [1, 3, height, width]).map((v) => v * 40);
  return Array.from({ length: rows * columns }, (_, cell) => {
    const [top, left] = [Math.floor(cell / columns) * PATCH, cell % columns * PATCH];
    return Float32Array.from({ length: 3 * PATCH ** 2 }, (_, i) => {
      const [plane, y] = [Math.floor(i / PATCH ** 2), Math.floor(i / PATCH) % PATCH];
      return picture[(plane * height + top + y) * width + left + i % PATCH]!;
    });
  });
}

const joined = (patches: readonly Float32Array[]) =>
  Float32Array.from(patches.flatMap((patch) => [...patch]));

async function assertNear(found: Promise<Float32Array>, expected: readonly number[]) {
  const embedding = await found;
  assert.equal(embedding.length, expected.length);
  const off = expected.map((value, i) => Math.abs(value - embedding[i]!));
  assert.ok(Math.max(...off) < 1e-5, `differs by ${Math.max(...off)}`);
}

async function embedderOf(vit: Vit): Promise<PatchEmbedder> {
  const session = await Session.open(await modelBytes(patchGraph(vit)), {
    device: "cpu",
    threads: 1,
  });
  return new PatchEmbedder(vit, session, toFloat32(await vit.positions.read()));
}

const VITS = {
  clip: () =>
    clipVit(findClipWeights(sourceOf(golden.clip.shapes)).vision, { activation: "quick_gelu" }),
  dinov2: () => dinov2Vit(sourceOf(golden.dinov2.shapes)),
};

for (const [name, make] of Object.entries(VITS)) {
  Deno.test(`${name}: all patches make PyTorch's own embedding, some of them what it makes of those`, async () => {
    const expected = golden[name as keyof typeof VITS];
    using embedder = await embedderOf(make());
    for (
      const [grid, whole, some] of [
        [{ rows: 4, columns: 4 }, expected.whole, expected.kept],
        [{ rows: 3, columns: 8 }, expected.wide, expected.wide_kept],
      ] as const
    ) {
      const patches = patchesOf(grid);
      const all = patches.map((_, cell) => cell);
      await assertNear(embedder.embed(joined(patches), all, grid), whole);
      const back = all.toReversed();
      await assertNear(
        embedder.embed(joined(back.map((cell) => patches[cell]!)), back, grid),
        whole,
      );
      const kept = joined(golden.kept.map((cell) => patches[cell]!));
      await assertNear(embedder.embed(kept, golden.kept, grid), some);
    }
  });
}

Deno.test("openPatchEmbedder() knows a file by its tensors; cells and sizes are checked", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = await writeVit(folder);
    using embedder = await openPatchEmbedder(path, { device: "cpu", cache: folder });
    const { patchSize, heads, layers, grid } = embedder.vit;
    assert.deepEqual([patchSize, heads, layers, grid], [7, 2, 3, 4]);
    const square = { rows: 4, columns: 4 };
    const patches = patchesOf(square);
    await assertNear(
      embedder.embed(joined(patches), patches.keys().toArray(), square),
      golden.dinov2.whole,
    );
    await assert.rejects(
      embedder.embed(patches[0]!, [16], square),
      /found cell 16, expected 0 to 15/,
    );
    await assert.rejects(embedder.embed(patches[0]!, [1, 2], square), /found 147 values/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
