/**
 * CLIP's weights under one set of names, whichever of the three formats the file has: OpenAI's
 * TorchScript archive, open_clip's file (same names), or Hugging Face's. Sizes are read from the
 * tensors' shapes.
 *
 * @module
 */
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { derive, type LazyTensor, stateDict, transposed } from "@vcs/onnx";
import { ClipDriftError } from "../errors.ts";

/** Sizes of one transformer: CLIP's visual or text tower. */
export interface TowerConfig {
  /** Size of a token. */
  readonly width: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Attention heads, each of 64. */
  readonly heads: number;
  /** Numbers of an embedding. */
  readonly embedDim: number;
}

/** Sizes of a visual tower. */
export interface VisionConfig extends TowerConfig {
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Side of the image in pixels. */
  readonly imageSize: number;
}

/** Sizes of a text tower. */
export interface TextConfig extends TowerConfig {
  /** Tokens in a text, padding included. */
  readonly contextLength: number;
  /** Number of different tokens. */
  readonly vocabulary: number;
}

/** Weights of one tower by open_clip's names, as `transformer.resblocks.0.ln_1.weight`. */
export interface TowerWeights<C extends TowerConfig = TowerConfig> {
  /** Sizes. */
  readonly config: C;
  /** A weight that is read when it is needed. */
  get(name: string): LazyTensor;
}

/** CLIP's weights. */
export interface ClipWeights {
  /** Whose names the file uses. */
  readonly format: "openai" | "huggingface";
  /** The visual tower. */
  readonly vision: TowerWeights<VisionConfig>;
  /** The text tower, if the file has one. */
  readonly text?: TowerWeights<TextConfig>;
}

/** Weight and bias of a layer. */
function layerShapes(prefix: string, shape: number[]): [string, number[]][] {
  return [[`${prefix}.weight`, shape], [`${prefix}.bias`, [shape[0]!]]];
}

/** Tensors of an image tower as OpenAI's and open_clip's files have them: shapes by name. */
export function visionShapes(config: VisionConfig): Map<string, readonly number[]> {
  const { imageSize, patchSize, width, layers, embedDim } = config;
  const blocks = Array.from({ length: layers }, (_, n): [string, number[]][] => {
    const prefix = `visual.transformer.resblocks.${n}`;
    return [
      ...layerShapes(`${prefix}.ln_1`, [width]),
      [`${prefix}.attn.in_proj_weight`, [3 * width, width]],
      [`${prefix}.attn.in_proj_bias`, [3 * width]],
      ...layerShapes(`${prefix}.attn.out_proj`, [width, width]),
      ...layerShapes(`${prefix}.ln_2`, [width]),
      ...layerShapes(`${prefix}.mlp.c_fc`, [4 * width, width]),
      ...layerShapes(`${prefix}.mlp.c_proj`, [width, 4 * width]),
    ];
  });
  return new Map([
    ["visual.class_embedding", [width]],
    ["visual.positional_embedding", [(imageSize / patchSize) ** 2 + 1, width]],
    ["visual.proj", [width, embedDim]],
    ["visual.conv1.weight", [width, 3, patchSize, patchSize]],
    ...layerShapes("visual.ln_pre", [width]),
    ...blocks.flat(),
    ...layerShapes("visual.ln_post", [width]),
  ]);
}

/** Name in a Hugging Face file of each of open_clip's names that is not in a block. */
const HF_NAMES: Readonly<Record<"vision" | "text", Readonly<Record<string, string>>>> = {
  vision: {
    "conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "conv1.bias": "vision_model.embeddings.patch_embedding.bias",
    "class_embedding": "vision_model.embeddings.class_embedding",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    // The typing error is in the published files.
    "ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "ln_post.weight": "vision_model.post_layernorm.weight",
    "ln_post.bias": "vision_model.post_layernorm.bias",
    "proj": "visual_projection.weight",
  },
  text: {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "text_projection": "text_projection.weight",
  },
};

/** Layers of a block: open_clip's name and Hugging Face's. */
const HF_LAYERS: Readonly<Record<string, string>> = {
  "ln_1": "layer_norm1",
  "ln_2": "layer_norm2",
  "attn.out_proj": "self_attn.out_proj",
  "mlp.c_fc": "mlp.fc1",
  "mlp.c_proj": "mlp.fc2",
};

/**
 * A tensor of a file, not read yet.
 *
 * @throws {ClipDriftError} `bad-weights` where the file has none of that name
 */
export function tensorOf(source: TensorSource, name: string): LazyTensor {
  if (!source.has(name)) {
    throw new ClipDriftError("bad-weights", `Cannot read weights: found no tensor ${name}`);
  }
  const { dtype, shape } = source.info(name);
  return { dtype, shape, read: () => source.read(name) };
}

/** Tensors one after the other along their first axis. */
export function stacked(parts: readonly LazyTensor[]): LazyTensor {
  const [first] = parts as [LazyTensor];
  if (parts.length === 1) return first;
  const shape = [parts.reduce((sum, part) => sum + part.shape[0]!, 0), ...first.shape.slice(1)];
  return derive(parts, shape, (arrays) => {
    const out = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
    let at = 0;
    for (const array of arrays) {
      out.set(array, at);
      at += array.length;
    }
    return out;
  });
}

const IN_PROJ = /^transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$/;
const IN_BLOCK = /^transformer\.resblocks\.(\d+)\.(.+)\.(weight|bias)$/;

/** Finds a weight in a Hugging Face file, of CLIP and of SigLIP, by open_clip's name. */
export function fromHuggingFace(
  source: TensorSource,
  tower: "vision" | "text",
  name: string,
): LazyTensor {
  const block = (i: string, layer: string, kind: string) =>
    tensorOf(source, `${tower}_model.encoder.layers.${i}.${layer}.${kind}`);
  const inProj = IN_PROJ.exec(name);
  if (inProj !== null) {
    const [, i, kind] = inProj;
    return stacked(["q", "k", "v"].map((x) => block(i!, `self_attn.${x}_proj`, kind!)));
  }
  const inBlock = IN_BLOCK.exec(name);
  if (inBlock !== null) return block(inBlock[1]!, HF_LAYERS[inBlock[2]!]!, inBlock[3]!);
  const weight = tensorOf(source, HF_NAMES[tower][name]!);
  return name === "proj" || name === "text_projection" ? transposed(weight) : weight;
}

type Get = (name: string) => LazyTensor;

/** Sizes that both towers have. */
function towerConfig(get: Get, has: (block: number) => boolean, projection: string): TowerConfig {
  const [width, embedDim] = get(projection).shape as [number, number];
  let layers = 0;
  while (has(layers)) layers++;
  if (width % 64 !== 0 || width > 1024 || layers === 0) {
    throw new ClipDriftError(
      "bad-weights",
      `Cannot use CLIP's weights: found a tower of width ${width} with ${layers} blocks, expected widths in multiples of 64 up to 1024 and 1 block or more`,
    );
  }
  return { width, layers, heads: width / 64, embedDim };
}

function visionConfig(get: Get, has: (block: number) => boolean): VisionConfig {
  const patchSize = get("conv1.weight").shape[3]!;
  const grid = Math.sqrt(get("positional_embedding").shape[0]! - 1);
  return { ...towerConfig(get, has, "proj"), patchSize, imageSize: patchSize * grid };
}

function textConfig(get: Get, has: (block: number) => boolean): TextConfig {
  const contextLength = get("positional_embedding").shape[0]!;
  const vocabulary = get("token_embedding.weight").shape[0]!;
  return { ...towerConfig(get, has, "text_projection"), contextLength, vocabulary };
}

function openAiWeights(source: TensorSource, prefix: string): ClipWeights {
  const visual: Get = (name) => tensorOf(source, `${prefix}visual.${name}`);
  const text: Get = (name) => tensorOf(source, prefix + name);
  const hasBlock = (start: string) => (i: number) =>
    source.has(`${start}transformer.resblocks.${i}.ln_1.weight`);
  const vision = { config: visionConfig(visual, hasBlock(`${prefix}visual.`)), get: visual };
  if (!source.has(`${prefix}token_embedding.weight`)) return { format: "openai", vision };
  const config = textConfig(text, hasBlock(prefix));
  return { format: "openai", vision, text: { config, get: text } };
}

function huggingFaceWeights(source: TensorSource): ClipWeights {
  const get = (tower: "vision" | "text"): Get => (name) => fromHuggingFace(source, tower, name);
  const hasBlock = (tower: string) => (i: number) =>
    source.has(`${tower}_model.encoder.layers.${i}.layer_norm1.weight`);
  const vision = {
    config: visionConfig(get("vision"), hasBlock("vision")),
    get: get("vision"),
  };
  if (!source.has("text_projection.weight")) return { format: "huggingface", vision };
  const config = textConfig(get("text"), hasBlock("text"));
  return { format: "huggingface", vision, text: { config, get: get("text") } };
}

/**
 * Finds CLIP's weights in a checkpoint, below the usual wrappers of training scripts.
 *
 * @param file an open checkpoint; must stay open until the weights are read
 * @throws {ClipDriftError} `bad-weights` if it is not CLIP, or of an unknown format or size
 */
export function findClipWeights(file: TensorSource): ClipWeights {
  const source = stateDict(file);
  if (source.has("vision_model.embeddings.patch_embedding.weight")) {
    return huggingFaceWeights(source);
  }
  const first = source.names.find((name) => /(^|\.)visual\.conv1\.weight$/.test(name));
  if (first !== undefined) {
    return openAiWeights(source, first.slice(0, -"visual.conv1.weight".length));
  }
  const found = source.names.some((name) => /(^|\.)blocks\.0\.attn\.qkv\.weight$/.test(name))
    ? "timm's names, without the projection; take open_clip's file of the same model"
    : `${source.names.length} tensors, the first named ${source.names[0] ?? "nothing"}`;
  throw new ClipDriftError(
    "bad-weights",
    `Cannot find CLIP's weights: found ${found}; expected OpenAI's, open_clip's and Hugging Face's files`,
  );
}
