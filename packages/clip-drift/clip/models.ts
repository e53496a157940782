/**
 * The CLIP models that can be had by name: where their weights are published, the sizes of their
 * image towers, and how they were trained.
 *
 * @module
 */
import { type CatalogOptions, type HubFile, type Model, ModelCatalog } from "@vcs/onnx/store";
import type { Activation } from "./graph.ts";
import { type VisionConfig, visionShapes } from "./weights.ts";

/** A CLIP model that can be had by its name, `MODEL/TAG`. */
export interface ClipModel extends Model {
  /** Sizes of the image tower. */
  readonly vision: VisionConfig;
  /** The activation that it was trained with. */
  readonly activation: Activation;
  /** Mean that was subtracted from pixels in training. Default: OpenAI's. */
  readonly mean?: readonly number[];
  /** Deviation that pixels were divided by in training. Default: OpenAI's. */
  readonly std?: readonly number[];
}

/** A catalogue of CLIP models; their tensors follow from the sizes of their towers. */
export function clipCatalog(
  models: readonly ClipModel[],
  options: CatalogOptions = {},
): ModelCatalog<ClipModel> {
  const withTensors = models.map((model) => ({
    ...model,
    tensors: () => Promise.resolve(visionShapes(model.vision)),
  }));
  return new ModelCatalog(withTensors, options);
}

const BASE = { imageSize: 224, width: 768, heads: 12, layers: 12, embedDim: 512 };
const LARGE = { patchSize: 14, width: 1024, heads: 16, layers: 24, embedDim: 768 };

/** Image towers by the name of their architecture. */
const TOWERS = {
  "ViT-B-32": { ...BASE, patchSize: 32 },
  "ViT-B-16": { ...BASE, patchSize: 16 },
  "ViT-L-14": { ...LARGE, imageSize: 224 },
  "ViT-L-14-336": { ...LARGE, imageSize: 336 },
} as const;

type Tower = keyof typeof TOWERS;

/** Where open_clip's form of weights is: its repository, and what is known of the file there. */
type Hub = Omit<HubFile, "file">;

const hubFile = (hub: Hub): HubFile => ({ file: "open_clip_model.safetensors", ...hub });

/** OpenAI's own weights. */
function openai(name: Tower, sha256: string, hub: Hub, bytes: number): ClipModel {
  const slashed = name.replace(/^ViT-(\w+)-(\d+)/, "ViT-$1/$2").replace("-336", "@336px");
  const file = `${name.replace("-336", "-336px")}.pt`;
  const url = `https://openaipublic.azureedge.net/clip/models/${sha256}/${file}`;
  return {
    name: `${name}/openai`,
    aliases: [name, `${name}-quickgelu`, slashed],
    about: `CLIP ${slashed}, OpenAI's weights`,
    bytes,
    files: [
      { file, url, sha256, cache: "clip" },
      hubFile(hub),
    ],
    vision: TOWERS[name],
    activation: "quick_gelu",
  };
}

/** Weights that open_clip's authors trained. */
function openClip(name: Tower, tag: string, hub: Hub, bytes: number): ClipModel {
  return {
    name: `${name}/${tag}`,
    aliases: [],
    about: `CLIP ${name}, trained on ${tag}`,
    bytes,
    files: [hubFile(hub)],
    vision: TOWERS[name],
    activation: "gelu",
  };
}

/**
 * The models. For those to come, from open_clip's `pretrained.py`: tags `metaclip…` and `dfn2b…`,
 * and ViT-B-32 with `laion400m…`, were trained with `quick_gelu`; ViT-L-14/laion2b_s32b_b82k with a
 * mean and a deviation of 0.5.
 */
export const CLIP_MODELS: ModelCatalog<ClipModel> = clipCatalog([
  openai(
    "ViT-B-32",
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    {
      repository: "timm/vit_base_patch32_clip_224.openai",
      revision: "a6f597a30f7b82c51704746581f9a4e41421e878",
      sha256: "e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31",
    },
    354e6,
  ),
  openai(
    "ViT-B-16",
    "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    {
      repository: "timm/vit_base_patch16_clip_224.openai",
      revision: "977e3dd0ec55ab8da155f2fbeb6b5f54948b6e3d",
    },
    351e6,
  ),
  openai(
    "ViT-L-14",
    "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
    {
      repository: "timm/vit_large_patch14_clip_224.openai",
      revision: "18d0535469bb561bf468d76c1d73aa35156c922b",
    },
    933e6,
  ),
  openai(
    "ViT-L-14-336",
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    { repository: "timm/vit_large_patch14_clip_336.openai" },
    934e6,
  ),
  openClip(
    "ViT-B-32",
    "laion2b_s34b_b79k",
    {
      repository: "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
      revision: "1a25a446712ba5ee05982a381eed697ef9b435cf",
      sha256: "ac4f8c4b88af6d963118cbf40ad93176d092abbedfcb752601ae1866352656e6",
    },
    605e6,
  ),
  openClip(
    "ViT-B-32",
    "datacomp_xl_s13b_b90k",
    { repository: "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K" },
    605e6,
  ),
]);
