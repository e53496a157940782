/**
 * A CLIP of random weights with both towers.
 *
 * @module
 */
import { elementCount, type Tensor, tensor } from "@vcs/transport/tensor";
import { random } from "#testing/fuzz.ts";

/** Merges of 518 tokens, as `merges.txt` beside the weights. */
export const RANDOM_MERGES = "#version\na b\nc d</w>\nab cd</w>\nb c\n";

/** A complete CLIP of random weights, whose text tower takes 518 tokens. */
export function randomClip(): Record<string, Tensor> {
  const next = random(5);
  const w = 64;
  const tensors: Record<string, Tensor> = {};
  const add = (name: string, ...shape: number[]) => {
    const data = Float32Array.from({ length: elementCount(shape) }, () => 0.4 * next() - 0.2);
    tensors[name] = tensor("F32", shape, data);
  };
  const norm = (name: string) => (add(`${name}.weight`, w), add(`${name}.bias`, w));
  const layer = (name: string, to: number, from: number) => {
    add(`${name}weight`, to, from);
    add(`${name}bias`, to);
  };
  const block = (tower: string) => {
    const name = `${tower}transformer.resblocks.0`;
    norm(`${name}.ln_1`);
    norm(`${name}.ln_2`);
    layer(`${name}.attn.in_proj_`, 3 * w, w);
    layer(`${name}.attn.out_proj.`, w, w);
    layer(`${name}.mlp.c_fc.`, 4 * w, w);
    layer(`${name}.mlp.c_proj.`, w, 4 * w);
  };
  add("visual.conv1.weight", w, 3, 32, 32);
  add("visual.class_embedding", w);
  add("visual.positional_embedding", 50, w);
  add("visual.proj", w, 32);
  norm("visual.ln_pre");
  norm("visual.ln_post");
  block("visual.");
  add("token_embedding.weight", 518, w);
  add("positional_embedding", 77, w);
  add("text_projection", w, 32);
  norm("ln_final");
  block("");
  return tensors;
}
