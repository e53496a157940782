import assert from "node:assert/strict";
import type { Dim, GraphBuilder, GraphNode } from "@vcs/onnx/graph";
import { toFloat32 } from "@vcs/onnx";
import { foldNorm, quantized } from "@vcs/onnx/internal";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { random } from "#testing/fuzz.ts";
import { exactForms, int8Cosines, OUTLIER_SCALES } from "#testing/int8_cosine.ts";
import { openClipWeights } from "#testing/open_clip_weights.ts";
import { sharedTest } from "#testing/shared.ts";
import { visionGraph } from "./graph.ts";
import { findClipWeights } from "./weights.ts";

sharedTest("int8 of a full ViT-B/32 stays near fp32, with outlier channels, too", async (t) => {
  const forms = await exactForms();
  const measure = await int8Cosines();
  for (const form of forms) {
    for (const scale of OUTLIER_SCALES) {
      await t.step(`weights as ${form}, channels of norms ×${scale}`, async () => {
        const { least } = await measure(form, scale);
        assert.ok(least >= 0.999, `cosine ${least}`);
      });
    }
  }
});

/** Size of an axis for one image. */
const size = (d: Dim) => typeof d === "number" ? d : Number(/\d+/.exec(d)?.[0] ?? 1);
const product = (shape: readonly Dim[]) => shape.reduce<number>((n, d) => n * size(d), 1);

/** Multiply-adds of a node for one image: those of bytes, and the others. */
function multiplyAdds(graph: GraphBuilder, { type, inputs, outputs }: GraphNode): [number, number] {
  const [first, out] = [inputs[0]!, outputs[0]!].map((name) => graph.values.get(name)!.shape);
  const all = product(out!) * size(first!.at(-1)!);
  if (type === "MatMulInteger") return [all, 0];
  if (type === "MatMul") return [0, all];
  // Queries, keys and values, then the scores of all pairs of tokens and their mix.
  return type === "QAttention" ? [3 * all, 2 * product(out!) * size(out![1]!)] : [0, 0];
}

Deno.test("95 % of the multiply-adds of int8 and more are those of bytes", () => {
  const { vision } = findClipWeights(openClipWeights());
  const graph = visionGraph(vision, { activation: "gelu", precision: "int8" });
  let [bytes, others] = [0, 0];
  for (const node of graph.nodes) {
    const [some, rest] = multiplyAdds(graph, node);
    bytes += some;
    others += rest;
  }
  const all = bytes + others;
  assert.ok(all > 4e9 && all < 4.1e9, `${all} multiply-adds`);
  assert.ok(bytes / all >= 0.95, `${bytes} of ${all} multiply-adds`);
});

/** A matrix times a vector, plus a bias. */
function apply(weight: Tensor, bias: Tensor, x: Float32Array): Float32Array {
  const w = toFloat32(weight);
  return toFloat32(bias).map((sum, r) => x.reduce((s, v, c) => s + v * w[r * x.length + c]!, sum));
}

Deno.test("foldNorm() keeps the function and takes the norm's scale out of it", async () => {
  const next = random(3);
  const make = (...shape: number[]) => {
    const t = tensor("F32", shape);
    t.data.forEach((_, i) => t.data[i] = next() - 0.5);
    return t;
  };
  const [shift, weight, bias, x] = [make(8), make(4, 8), make(4), make(8).data];
  const folds = await Promise.all([1, 64].map(async (outlier) => {
    const scale = tensor("F32", [8], Float32Array.of(outlier, 2, 1, 0.5, 1, 1, 1, 0));
    const undone = tensor("F32", [4, 8], weight.data.map((w, i) => i % 8 ? w : w / outlier));
    const moved = tensor("F32", [8], shift.data.map((s, i) => i ? s : s * outlier));
    const folded = foldNorm({ scale, shift: moved }, { weight: undone, bias });
    const [s, w, b] = await Promise.all(
      [folded.scale, folded.weight, folded.bias].map((t) => "read" in t ? t.read() : t),
    ) as [Tensor, Tensor, Tensor];
    const expected = apply(undone, bias, x.map((v, c) => v * scale.data[c]! + moved.data[c]!));
    const actual = apply(w, b, x.map((v, c) => v * toFloat32(s)[c]!));
    actual.forEach((y, i) => assert.ok(Math.abs(y - expected[i]!) < 1e-6));
    return [s.data, w.data, b.data];
  }));
  assert.deepEqual(folds[1], folds[0], "an outlier channel changes nothing");
});

Deno.test("quantized() writes the same numbers with and without a sign", async () => {
  const weight = tensor("F32", [2, 3], Float32Array.of(1, -2, 0, 0.5, 0.25, -0.5));
  const [signed, unsigned] = (["s8", "u8"] as const).map((form) => quantized(weight, form));
  const { data } = await signed!.matrix.read();
  assert.deepEqual([...data], [64, 127, -127, 64, 0, -127]);
  assert.deepEqual(
    [...(await unsigned!.matrix.read()).data],
    [...data].map((x) => Number(x) + 128),
  );
  assert.deepEqual((await signed!.steps.read()).data, Float32Array.of(2 / 127, 0.5 / 127));
});
