import assert from "node:assert/strict";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { tensor } from "@vcs/transport/tensor";
import { checkInPython, described, graphBuilders, ONNX_PYTHON } from "#testing/exported_graphs.ts";
import { hasShared, needs, sharedPath } from "#testing/shared.ts";
import { CLIP_MODELS } from "../clip/models.ts";
import { visionShapes } from "../clip/weights.ts";
import { clipGraphs, openGraphs } from "./export.ts";

const { signal } = new AbortController();
const OPTIONS = { precision: "fp32" as const, allowClass: [] };
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
    for (const precision of ["fp32", "fp16", "int8"] as const) {
      const graphs = clipGraphs("clip", zeros(visionShapes(vision)), { activation, precision });
      const batch = precision === "int8" ? 1 : 16;
      const expected = [`clip.vision: batch ${batch}, pixels -> embedding`];
      assert.deepEqual(described(graphs), expected, `${name} ${precision}`);
    }
  }
  // A builder that is not here is one that nothing here exports.
  assert.deepEqual(await graphBuilders(new URL("../", import.meta.url)), [
    ...["gistGraph", "textGraph", "visionGraph"],
  ]);
});

Deno.test({
  name: "ONNX Runtime's Python makes of the exported graph of GIST what we do",
  ...needs(ONNX_PYTHON !== undefined),
  async fn() {
    using gist = await openGraphs("gist", OPTIONS, signal);
    await checkInPython(gist.graphs);
  },
});

Deno.test({
  name: "ONNX Runtime's Python makes of the exported towers of a small CLIP what we do",
  ...needs(ONNX_PYTHON !== undefined, hasShared),
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
  },
});

Deno.test("export of a file whose activation nothing names asks for it", async () => {
  const path = await Deno.makeTempFile();
  try {
    await assert.rejects(openGraphs(path, OPTIONS, signal), /expected --activation$/);
  } finally {
    await Deno.remove(path);
  }
});
