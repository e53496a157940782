/**
 * SigLIP (Zhai et al. 2023) by the names of Hugging Face's files: the image tower, whose embedding is
 * a learned query's attention over all tokens, and the text tower, which looks at the padding, too.
 *
 * @module
 */
import {
  type GraphBuilder,
  type Layer,
  type LazyTensor,
  type Norm,
  toFloat32,
  TransformerBuilder,
  transposed,
} from "@vcs/onnx";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { blockName, clipBlock, clipNorm } from "../clip/graph.ts";
import { fromHuggingFace, tensorOf } from "../clip/weights.ts";
import type { Vit } from "./vit.ts";

const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

/** What both towers are. */
const TRAINING = { epsilon: 1e-6, activation: "gelu_tanh" } as const;

const HEAD = "vision_model.head";

/** Whether a file holds a SigLIP. */
export function isSiglip(source: TensorSource): boolean {
  return source.has(`${HEAD}.probe`);
}

type Tower = "vision" | "text";

const towerOf = (source: TensorSource, tower: Tower) => (name: string): LazyTensor =>
  fromHuggingFace(source, tower, name);

function layersOf(source: TensorSource, tower: Tower): number {
  let layers = 0;
  while (source.has(`${tower}_model.encoder.layers.${layers}.layer_norm1.weight`)) layers++;
  return layers;
}

const layerOf = (source: TensorSource, name: string): Layer => ({
  weight: tensorOf(source, `${name}.weight`),
  bias: tensorOf(source, `${name}.bias`),
});

const normOf = (source: TensorSource, name: string): Norm => ({
  scale: tensorOf(source, `${name}.weight`),
  shift: tensorOf(source, `${name}.bias`),
});

/**
 * The image tower.
 *
 * @throws {ClipDriftError} `bad-weights` where a tensor is missing
 */
export function siglipVit(source: TensorSource): Vit {
  const get = towerOf(source, "vision");
  const [conv, positions] = [get("conv1.weight"), get("positional_embedding")];
  const [cells, width] = positions.shape as [number, number];
  const [patchSize, layers] = [conv.shape[3]!, layersOf(source, "vision")];
  const grid = Math.round(Math.sqrt(cells));
  return {
    about: `SigLIP, ${layers} blocks of ${width}`,
    ...{ imageSize: grid * patchSize, patchSize, grid, width, embedDim: width, layers },
    ...{ heads: width / 64, ...TRAINING, ...HALF, conv, bias: get("conv1.bias"), positions },
    block: (i) => clipBlock(get, i),
    blockName,
    after: clipNorm(get, "ln_post"),
    pool: {
      probe: tensorOf(source, `${HEAD}.probe`),
      joint: {
        weight: tensorOf(source, `${HEAD}.attention.in_proj_weight`),
        bias: tensorOf(source, `${HEAD}.attention.in_proj_bias`),
      },
      out: layerOf(source, `${HEAD}.attention.out_proj`),
      norm: normOf(source, `${HEAD}.layernorm`),
      up: layerOf(source, `${HEAD}.mlp.fc1`),
      down: layerOf(source, `${HEAD}.mlp.fc2`),
    },
  };
}

/** What a text tower takes and gives, or undefined where a file has none. */
export function siglipTextSizes(
  source: TensorSource,
): { contextLength: number; vocabulary: number; embedDim: number } | undefined {
  if (!source.has("text_model.head.weight")) return undefined;
  const get = towerOf(source, "text");
  const [contextLength] = get("positional_embedding").shape as [number];
  const [vocabulary] = get("token_embedding.weight").shape as [number];
  const [embedDim] = tensorOf(source, "text_model.head.weight").shape as [number];
  return { contextLength, vocabulary, embedDim };
}

/**
 * The text tower: input `tokens` I64 `[N, C]`, filled up with the end token; output `embedding` F32
 * `[N, O]`, not normalised.
 */
export function siglipTextGraph(source: TensorSource): GraphBuilder {
  const get = towerOf(source, "text");
  const positions = get("positional_embedding");
  const [length, width] = positions.shape as [number, number];
  const tower = new TransformerBuilder("siglip-text", { heads: width / 64, length, ...TRAINING });
  const { g } = tower;
  const tokens = g.input("tokens", "I64", ["N", length]);
  const table = g.weight("token_embedding", get("token_embedding.weight"));
  const placed = g.add(g.gather(table, tokens), g.weight("positions", positions));
  let x = tower.toRows(placed);
  const layers = layersOf(source, "text");
  for (let i = 0; i < layers; i++) x = tower.block(x, blockName(i), clipBlock(get, i));
  const last = g.squeeze(g.slice(g.reshape(x, ["N", length, width]), 1, length - 1, length), [1]);
  const { weight, bias } = layerOf(source, "text_model.head");
  const normed = tower.norm(last, "ln_final", clipNorm(get, "ln_final"));
  const head = g.matmul(normed, g.weight("head.weight", transposed(weight)));
  g.output("embedding", g.add(head, g.weight("head.bias", bias)));
  return g;
}

/** How a cosine becomes a probability: a factor, and what is added to the product. */
export async function siglipScoring(
  source: TensorSource,
): Promise<{ scale: number; bias: number }> {
  const number = async (name: string) => toFloat32(await source.read(name))[0]!;
  return { scale: Math.exp(await number("logit_scale")), bias: await number("logit_bias") };
}

/** Tensors of both towers of a SigLIP: shapes by name. */
export function siglipShapes(
  { width, layers, patchSize, imageSize }: Pick<
    Vit,
    "width" | "layers" | "patchSize" | "imageSize"
  >,
): Map<string, readonly number[]> {
  const layer = (name: string, shape: number[]): [string, number[]][] => [
    [`${name}.weight`, shape],
    [`${name}.bias`, [shape[0]!]],
  ];
  const square = [width, width];
  const mlp = (name: string) => [
    ...layer(`${name}.mlp.fc1`, [4 * width, width]),
    ...layer(`${name}.mlp.fc2`, [width, 4 * width]),
  ];
  const blocks = Array.from({ length: layers }, (_, i) => {
    const at = `vision_model.encoder.layers.${i}`;
    const joint = ["q_proj", "k_proj", "v_proj", "out_proj"];
    return [
      ...["layer_norm1", "layer_norm2"].flatMap((name) => layer(`${at}.${name}`, [width])),
      ...joint.flatMap((name) => layer(`${at}.self_attn.${name}`, square)),
      ...mlp(at),
    ];
  });
  return new Map<string, readonly number[]>([
    ...layer("vision_model.embeddings.patch_embedding", [width, 3, patchSize, patchSize]),
    ["vision_model.embeddings.position_embedding.weight", [(imageSize / patchSize) ** 2, width]],
    ...blocks.flat(),
    ...layer("vision_model.post_layernorm", [width]),
    [`${HEAD}.probe`, [1, 1, width]],
    [`${HEAD}.attention.in_proj_weight`, [3 * width, width]],
    [`${HEAD}.attention.in_proj_bias`, [3 * width]],
    ...layer(`${HEAD}.attention.out_proj`, square),
    ...layer(`${HEAD}.layernorm`, [width]),
    ...mlp(HEAD),
  ]);
}
