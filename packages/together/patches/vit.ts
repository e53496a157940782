/**
 * Vision transformers as what their patches go through: CLIP's image towers, and the ViTs that have
 * the names of the original DINOv2 and of timm.
 *
 * @module
 */
import {
  blockName,
  chooseActivation,
  CLIP_MEAN,
  CLIP_STD,
  clipBlock,
  clipNorm,
  findClipWeights,
} from "@vcs/clip-drift/internal";
import { CLIP_MODELS, type ClipModel } from "@vcs/clip-drift";
import {
  type BlockWeights,
  derive,
  type Layer,
  type LazyTensor,
  type MlpActivation,
  type Norm,
  stateDict,
} from "@vcs/onnx";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import { ModelCatalog, type ResolveOptions } from "@vcs/onnx/store";
import { tensor } from "@vcs/transport/tensor";

/** A vision transformer: sizes, training and weights. */
export interface Vit {
  /** What it is, for people. */
  readonly about: string;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Patches along a side of the picture that its positions were trained for. */
  readonly grid: number;
  /** Numbers of a token. */
  readonly width: number;
  /** Attention heads. */
  readonly heads: number;
  /** Blocks. */
  readonly layers: number;
  /** What norms add to the variance. */
  readonly epsilon: number;
  /** Activation of the MLPs. */
  readonly activation: MlpActivation;
  /** Mean of each channel that was subtracted in training, on a scale of 0 to 1. */
  readonly mean: readonly [number, number, number];
  /** Deviation of each channel that was divided by in training, on a scale of 0 to 1. */
  readonly std: readonly [number, number, number];
  /** Patch embedding, `[width, 3 · p · p]` over a patch's planes. */
  readonly patches: Layer;
  /** The class token with its position, `[width]`. */
  readonly first: LazyTensor;
  /** Positions of the patches, `[grid · grid, width]`. */
  readonly positions: LazyTensor;
  /** Norm before the blocks, where there is one. */
  readonly before?: Norm;
  /** Weights of a block. */
  readonly block: (i: number) => BlockWeights;
  /** Name of a block. */
  readonly blockName: (i: number) => string;
  /** Norm after the blocks. */
  readonly after: Norm;
  /** Projection of the class token, `[width, out]`, where there is one. */
  readonly projection?: LazyTensor;
}

/** Size and SHA-256 of the files that DINOv2's own loader fetches. */
const DINOV2 = {
  s: [88_283_115, "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"],
  b: [346_378_731, "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"],
  l: [1_217_586_395, "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428"],
} as const;

/** Models beside CLIP's that can be had by name. */
export const VIT_MODELS: ModelCatalog = new ModelCatalog(
  Object.entries(DINOV2).map(([letter, [size, sha256]]) => {
    const name = `dinov2_vit${letter}14`;
    const file = `${name}_pretrain.pth`;
    return {
      name,
      aliases: [],
      about: `DINOv2, ViT-${letter.toUpperCase()}/14`,
      bytes: size,
      files: [{
        ...{ file, sha256, size, cache: "torch" as const },
        url: `https://dl.fbaipublicfiles.com/dinov2/${name}/${file}`,
      }],
    };
  }),
);

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** A convolution over whole patches as rows over a patch's planes. */
function patchRows(conv: LazyTensor): LazyTensor {
  const [width = 1, ...window] = conv.shape;
  return derive([conv], [width, window.reduce((a, b) => a * b, 1)], ([x]) => x);
}

/** The class token with its position, and the positions of the patches. */
function placed(token: LazyTensor, positions: LazyTensor) {
  const width = positions.shape.at(-1)!;
  const cells = positions.shape.at(-2)! - 1;
  return {
    width,
    grid: Math.round(Math.sqrt(cells)),
    first: derive([token, positions], [width], ([x, p]) => x.map((v, i) => v + p[i]!)),
    positions: derive([positions], [cells, width], ([p]) => p.slice(width)),
  };
}

/** CLIP's image tower. */
export function clipVit(
  source: TensorSource,
  { activation, mean, std }: Pick<ClipModel, "activation" | "mean" | "std">,
): Vit {
  const { config, get } = findClipWeights(source).vision;
  const none = tensor("F32", [config.width]);
  return {
    about: `CLIP, ${config.layers} blocks of ${config.width}`,
    patchSize: config.patchSize,
    heads: config.heads,
    layers: config.layers,
    epsilon: 1e-5,
    activation,
    mean: (mean ?? CLIP_MEAN) as Vit["mean"],
    std: (std ?? CLIP_STD) as Vit["std"],
    patches: { weight: patchRows(get("conv1.weight")), bias: none },
    ...placed(get("class_embedding"), get("positional_embedding")),
    before: clipNorm(get, "ln_pre"),
    block: (i) => clipBlock(get, i),
    blockName,
    after: clipNorm(get, "ln_post"),
    projection: get("proj"),
  };
}

const QKV = "blocks.0.attn.qkv.weight";

/** A ViT with the names of the original DINOv2 and of timm, trained on ImageNet's colours. */
export function plainVit(source: TensorSource): Vit {
  const get = (name: string): LazyTensor => {
    const { dtype, shape } = source.info(name);
    return { dtype, shape, read: () => source.read(name) };
  };
  const layer = (name: string): Layer => ({
    weight: get(`${name}.weight`),
    bias: get(`${name}.bias`),
  });
  const norm = (name: string): Norm => ({
    scale: get(`${name}.weight`),
    shift: get(`${name}.bias`),
  });
  /** A layer whose outputs are scaled (DINOv2's LayerScale), which is moved into it. */
  const scaled = (name: string, scale: string): Layer =>
    source.has(scale) ? scaledRows(layer(name), get(scale)) : layer(name);
  const conv = get("patch_embed.proj.weight");
  const width = conv.shape[0]!;
  const layers = source.names.filter((name) => /^blocks\.\d+\.norm1\.weight$/.test(name)).length;
  return {
    about: `ViT, ${layers} blocks of ${width}`,
    patchSize: conv.shape[3]!,
    heads: width / 64,
    layers,
    epsilon: 1e-6,
    activation: "gelu",
    ...IMAGENET,
    patches: { weight: patchRows(conv), bias: get("patch_embed.proj.bias") },
    ...placed(get("cls_token"), get("pos_embed")),
    block: (i) => ({
      norm1: norm(`blocks.${i}.norm1`),
      joint: layer(`blocks.${i}.attn.qkv`),
      out: scaled(`blocks.${i}.attn.proj`, `blocks.${i}.ls1.gamma`),
      norm2: norm(`blocks.${i}.norm2`),
      up: layer(`blocks.${i}.mlp.fc1`),
      down: scaled(`blocks.${i}.mlp.fc2`, `blocks.${i}.ls2.gamma`),
    }),
    blockName: (i) => `blocks.${i}`,
    after: norm("norm"),
  };
}

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

/** A model's file, and what the catalogue of CLIP knows of it. */
export interface LocatedVit {
  /** Path of the weights. */
  readonly path: string;
  /** Its entry, of CLIP's models. */
  readonly entry: ClipModel | undefined;
}

/**
 * Finds a model's file, which is fetched where it is not on this machine.
 *
 * @param reference a name, as `ViT-B-32/openai` or `dinov2_vits14`; a path, a URL, or
 * `hf:owner/name/file`
 * @throws {OnnxError} where there is no such model, or it cannot be fetched
 */
export async function locateVit(
  reference: string,
  options: ResolveOptions = {},
): Promise<LocatedVit> {
  const entry = CLIP_MODELS.find(reference);
  const catalog = entry ? CLIP_MODELS : VIT_MODELS;
  return { path: await catalog.resolve(reference, options), entry };
}

/** The vision transformer of an open checkpoint, recognised by the names of its tensors. */
export async function vitOf(checkpoint: TensorSource, located: LocatedVit): Promise<Vit> {
  const source = stateDict(checkpoint);
  if (source.has(QKV)) return plainVit(source);
  const { activation } = await chooseActivation({}, located);
  const { mean, std } = located.entry ?? {};
  return clipVit(source, { activation, ...(mean && { mean }), ...(std && { std }) });
}
