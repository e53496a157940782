import assert from "node:assert/strict";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { tensor } from "@vcs/transport/tensor";
import { checkInPython, described, graphBuilders, IN_PYTHON } from "#testing/exported_graphs.ts";
import { hasShared, needing, sharedPath } from "#testing/shared.ts";
import { CLIP_MODELS } from "../clip/models.ts";
import { visionShapes } from "../clip/weights.ts";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { sourceOf } from "#testing/formula_weights.ts";
import golden from "../testdata/eyes.json" with { type: "json" };
import { randomClip } from "../testdata/random_clip.ts";
import { DINOV2_MODELS, SIGLIP_MODELS } from "../vit/models.ts";
import { networkGraphs, openGraphs } from "./export.ts";

const { signal } = new AbortController();
const OPTIONS = { precision: "fp32" as const, allowClass: [] };
const PRECISIONS = ["fp32", "fp16", "int8"] as const;
const TINY = "golden/clip/tiny_clip.open_clip.safetensors";

/** A checkpoint of zeros. */
function zeros(shapes: ReadonlyMap<string, readonly number[]>): TensorSource {
  const shapeOf = (name: string) => shapes.get(name)!;
  return {
    names: [...shapes.keys()],
    has: (name) => shapes.has(name),
    info: (name) => ({ dtype: "F32", shape: shapeOf(name) }),
    read: (name) => Promise.resolve(tensor("F32", shapeOf(name))),
  };
}

Deno.test("export has every graph of every model", async () => {
  using gist = await openGraphs("gist", OPTIONS, signal);
  assert.deepEqual(described(gist.graphs), ["gist: batch 16, pixels -> embedding"]);
  for (const { name, vision, activation } of CLIP_MODELS.models) {
    for (const precision of PRECISIONS) {
      const graphs = networkGraphs("clip", zeros(visionShapes(vision)), { activation, precision });
      const batch = precision === "int8" ? 1 : 16;
      const expected = [`clip.vision: batch ${batch}, pixels -> embedding`];
      assert.deepEqual(described(graphs), expected, `${name} ${precision}`);
    }
  }
  for (const { name, tensors } of [...DINOV2_MODELS, ...SIGLIP_MODELS]) {
    const source = zeros(await tensors!());
    for (const precision of PRECISIONS) {
      const graphs = networkGraphs("x", source, { activation: "gelu", precision });
      const batch = precision === "int8" ? 1 : 16;
      const expected = [`x.vision: batch ${batch}, pixels -> embedding`];
      assert.deepEqual(described(graphs), expected, `${name} ${precision}`);
    }
  }
  const siglip = networkGraphs("x", sourceOf(golden.siglip.shapes), { activation: "gelu" });
  assert.deepEqual(described(siglip).slice(1), ["x.text: batch 16, tokens -> embedding"]);
  // A builder that is not here is one that nothing here exports.
  assert.deepEqual(await graphBuilders(new URL("../", import.meta.url)), [
    ...["gistGraph", "siglipTextGraph", "textGraph", "visionGraph", "vitGraph"],
  ]);
});

Deno.test({
  ...needing("ONNX Runtime's Python makes of the exported graph of GIST what we do", IN_PYTHON),
  async fn() {
    using gist = await openGraphs("gist", OPTIONS, signal);
    await checkInPython(gist.graphs);
  },
});

Deno.test({
  ...needing("ONNX Runtime's Python makes of the exported towers of a small CLIP what we do", {
    ...IN_PYTHON,
    "the folder shared": hasShared,
  }),
  async fn() {
    using clip = await openGraphs(
      sharedPath(TINY),
      { ...OPTIONS, activation: "quick_gelu" },
      signal,
    );
    assert.deepEqual(described(clip.graphs), [
      "tiny_clip.open_clip.vision: batch 16, pixels -> embedding",
      "tiny_clip.open_clip.text: batch 16, tokens,end -> embedding",
    ]);
    await checkInPython(clip.graphs);
    for (const precision of ["fp16", "int8"] as const) {
      const options = { ...OPTIONS, precision, activation: "quick_gelu" } as const;
      using narrow = await openGraphs(sharedPath(TINY), options, signal);
      await checkInPython(narrow.graphs.slice(0, 1));
    }
  },
});

Deno.test({
  ...needing(
    "ONNX Runtime's Python makes of the exported towers of a small DINOv2 and SigLIP what we do",
    IN_PYTHON,
  ),
  async fn() {
    for (
      const [name, { shapes }] of Object.entries({ dinov2: golden.dinov2, siglip: golden.siglip })
    ) {
      for (const precision of PRECISIONS) {
        const graphs = networkGraphs(name, sourceOf(shapes), { activation: "gelu", precision });
        // Text towers are the same in all.
        await checkInPython(precision === "fp32" ? graphs : graphs.slice(0, 1));
      }
    }
  },
});

Deno.test("export of a file whose activation nothing names asks for it", async () => {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(path, encodeSafetensors(randomClip()));
    await assert.rejects(openGraphs(path, OPTIONS, signal), /expected --activation$/);
  } finally {
    await Deno.remove(path);
  }
});
