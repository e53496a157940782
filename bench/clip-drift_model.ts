/**
 * A ViT-B-32 of random weights and full size, built as the command builds it: what is measured is
 * speed, for which trained weights make no difference.
 *
 * @module
 */
import { type Precision, visionGraph } from "@vcs/clip-drift/internal";
import { findClipWeights } from "@vcs/clip-drift/internal";
import { Session } from "@vcs/onnx/session";
import { writeModel } from "@vcs/onnx";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { elementCount, tensor } from "@vcs/transport/tensor";

const WIDTH = 768;
const LAYERS = 12;

const BLOCK: Readonly<Record<string, readonly number[]>> = {
  "ln_1.weight": [WIDTH],
  "ln_1.bias": [WIDTH],
  "ln_2.weight": [WIDTH],
  "ln_2.bias": [WIDTH],
  "attn.in_proj_weight": [3 * WIDTH, WIDTH],
  "attn.in_proj_bias": [3 * WIDTH],
  "attn.out_proj.weight": [WIDTH, WIDTH],
  "attn.out_proj.bias": [WIDTH],
  "mlp.c_fc.weight": [4 * WIDTH, WIDTH],
  "mlp.c_fc.bias": [4 * WIDTH],
  "mlp.c_proj.weight": [WIDTH, 4 * WIDTH],
  "mlp.c_proj.bias": [WIDTH],
};

/** Shapes of the visual tower's tensors by open_clip's names. */
function shapes(): Map<string, readonly number[]> {
  const all = new Map<string, readonly number[]>([
    ["visual.conv1.weight", [WIDTH, 3, 32, 32]],
    ["visual.class_embedding", [WIDTH]],
    ["visual.positional_embedding", [50, WIDTH]],
    ["visual.proj", [WIDTH, 512]],
  ]);
  for (const norm of ["ln_pre", "ln_post"]) {
    for (const kind of ["weight", "bias"]) all.set(`visual.${norm}.${kind}`, [WIDTH]);
  }
  for (let i = 0; i < LAYERS; i++) {
    for (const [name, shape] of Object.entries(BLOCK)) {
      all.set(`visual.transformer.resblocks.${i}.${name}`, shape);
    }
  }
  return all;
}

/** Random numbers, the scales of norms 1. */
function randomWeights(): TensorSource {
  const all = shapes();
  const read = (name: string) => {
    const shape = all.get(name)!;
    const data = new Float32Array(elementCount(shape));
    let state = data.length;
    for (let i = 0; i < data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      data[i] = ((state >>> 8) / 2 ** 24 - 0.5) * 0.07;
    }
    return Promise.resolve(
      tensor("F32", shape, /ln_.*weight$/.test(name) ? data.map(() => 1) : data),
    );
  };
  return {
    names: [...all.keys()],
    has: (name) => all.has(name),
    info: (name) => ({ dtype: "F32", shape: all.get(name)! }),
    read,
  };
}

/** Writes the model into a folder and opens it. */
export async function openRandomClip(
  folder: string,
  precision: Precision,
  threads?: number,
): Promise<Session> {
  const { vision } = findClipWeights(randomWeights());
  const graph = visionGraph(vision, { activation: "quick_gelu", precision });
  const path = await writeModel(graph, `${folder}/${precision}`);
  // Threads stay awake for as long as those of the package's encoder do.
  const settings = { device: "cpu", spin: 50 };
  return await Session.open(path, threads === undefined ? settings : { ...settings, threads });
}
