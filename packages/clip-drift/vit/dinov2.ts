/**
 * DINOv2 (Oquab et al. 2023) by the names of its published files, and plain ViTs of timm, which have
 * the same blocks: which tensor is which weight.
 *
 * @module
 */
import { derive, type Layer, type LazyTensor, type Norm } from "@vcs/onnx";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { stacked, tensorOf } from "../clip/weights.ts";
import { placed, type Vit } from "./vit.ts";

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** Side of the square that DINOv2's own evaluation crops, whatever its positions were trained for. */
const IMAGE_SIZE = 224;

/** Where the weights are in a file: the names of what they are. */
interface Names {
  readonly token: string;
  readonly positions: string;
  readonly patches: string;
  readonly after: string;
  /** A part of a block. */
  readonly block: (i: number) => string;
  /** Queries, keys and values in a block: one tensor of all, or three. */
  readonly joint: readonly string[];
  readonly out: string;
  readonly up: string;
  readonly down: string;
  /** Factors of both halves' outputs (LayerScale). */
  readonly scales: readonly [string, string];
}

/** The original's and timm's names. */
const ORIGINAL: Names = {
  token: "cls_token",
  positions: "pos_embed",
  patches: "patch_embed.proj",
  after: "norm",
  block: (i) => `blocks.${i}`,
  joint: ["attn.qkv"],
  out: "attn.proj",
  up: "mlp.fc1",
  down: "mlp.fc2",
  scales: ["ls1.gamma", "ls2.gamma"],
};

/** Those of Hugging Face's files. */
const HUGGING_FACE: Names = {
  token: "embeddings.cls_token",
  positions: "embeddings.position_embeddings",
  patches: "embeddings.patch_embeddings.projection",
  after: "layernorm",
  block: (i) => `encoder.layer.${i}`,
  joint: ["query", "key", "value"].map((part) => `attention.attention.${part}`),
  out: "attention.output.dense",
  up: "mlp.fc1",
  down: "mlp.fc2",
  scales: ["layer_scale1.lambda1", "layer_scale2.lambda1"],
};

/** Names of a file, or undefined where it has neither. */
function namesIn(source: TensorSource): Names | undefined {
  const has = ({ block, joint }: Names) => source.has(`${block(0)}.${joint[0]}.weight`);
  return [ORIGINAL, HUGGING_FACE].find(has);
}

/** Whether a file holds a DINOv2, or a plain ViT of timm. */
export function isPlainVit(source: TensorSource): boolean {
  return namesIn(source) !== undefined;
}

/** Whether a file holds a DINOv2: a plain ViT whose blocks have LayerScale. */
export function isDinov2(source: TensorSource): boolean {
  const names = namesIn(source);
  return names !== undefined && source.has(`${names.block(0)}.${names.scales[0]}`);
}

/** A layer whose outputs are multiplied by factors. */
function scaledRows({ weight, bias }: Layer, scale: LazyTensor): Layer {
  const columns = weight.shape[1]!;
  return {
    weight: derive(
      [weight, scale],
      weight.shape,
      ([w, s]) => w.map((v, i) => v * s[Math.floor(i / columns)]!),
    ),
    bias: derive([bias, scale], bias.shape, ([b, s]) => b.map((v, i) => v * s[i]!)),
  };
}

/**
 * The vision transformer of a file with DINOv2's names, trained on ImageNet's colours.
 *
 * @throws {ClipDriftError} `bad-weights` where a tensor is missing
 */
export function dinov2Vit(source: TensorSource): Vit {
  const names = namesIn(source) ?? HUGGING_FACE;
  const get = (name: string) => tensorOf(source, name);
  const layer = (...parts: string[]): Layer => ({
    weight: stacked(parts.map((name) => get(`${name}.weight`))),
    bias: stacked(parts.map((name) => get(`${name}.bias`))),
  });
  const norm = (name: string): Norm => ({
    scale: get(`${name}.weight`),
    shift: get(`${name}.bias`),
  });
  const scaled = (name: string, scale: string): Layer =>
    source.has(scale) ? scaledRows(layer(name), get(scale)) : layer(name);
  const conv = get(`${names.patches}.weight`);
  const width = conv.shape[0]!;
  let layers = 0;
  while (source.has(`${names.block(layers)}.norm1.weight`)) layers++;
  return {
    ...{ about: `ViT, ${layers} blocks of ${width}`, imageSize: IMAGE_SIZE, embedDim: width },
    ...{ heads: width / 64, layers, epsilon: 1e-6, activation: "gelu", ...IMAGENET },
    ...{ patchSize: conv.shape[3]!, conv, bias: get(`${names.patches}.bias`) },
    ...placed(get(names.token), get(names.positions)),
    block: (i) => {
      const at = names.block(i);
      return {
        norm1: norm(`${at}.norm1`),
        joint: layer(...names.joint.map((part) => `${at}.${part}`)),
        out: scaled(`${at}.${names.out}`, `${at}.${names.scales[0]}`),
        norm2: norm(`${at}.norm2`),
        up: layer(`${at}.${names.up}`),
        down: scaled(`${at}.${names.down}`, `${at}.${names.scales[1]}`),
      };
    },
    blockName: names.block,
    after: norm(names.after),
  };
}

/** Tensors of a DINOv2 as Hugging Face's file has them, or the authors' own: shapes by name. */
export function dinov2Shapes(
  width: number,
  layers: number,
  file: "huggingface" | "original",
): Map<string, readonly number[]> {
  const names = file === "original" ? ORIGINAL : HUGGING_FACE;
  const { token, positions, patches, after, block, joint, out, up, down, scales } = names;
  const layer = (name: string, shape: number[]): [string, number[]][] => [
    [`${name}.weight`, shape],
    [`${name}.bias`, [shape[0]!]],
  ];
  const blocks = Array.from({ length: layers }, (_, i) => {
    const at = block(i);
    const rows = 3 * width / joint.length;
    return [
      ...joint.flatMap((part) => layer(`${at}.${part}`, [rows, width])),
      ...layer(`${at}.${out}`, [width, width]),
      ...["norm1", "norm2"].flatMap((part) => layer(`${at}.${part}`, [width])),
      ...scales.map((part): [string, number[]] => [`${at}.${part}`, [width]]),
      ...layer(`${at}.${up}`, [4 * width, width]),
      ...layer(`${at}.${down}`, [width, 4 * width]),
    ];
  });
  return new Map<string, readonly number[]>([
    [token, [1, 1, width]],
    [positions, [1, 37 ** 2 + 1, width]],
    ...layer(patches, [width, 3, 14, 14]),
    ...blocks.flat(),
    ...layer(after, [width]),
  ]);
}
