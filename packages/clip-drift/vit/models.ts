/**
 * All models that can be had by name, and where those beside CLIP's are published.
 *
 * @module
 */
import { type HubFile, type Model, ModelCatalog, type ModelFile } from "@vcs/onnx/store";
import { CLIP_MODELS, type ClipModel } from "../clip/models.ts";

/** DINOv2 by the letter of its size: width, blocks, and the file that the authors' loader fetches. */
const DINOV2 = {
  S: [384, 12, 88_283_115, "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"],
  B: [768, 12, 346_378_731, "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"],
  L: [1024, 24, 1_217_586_395, "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428"],
} as const;

/** The same weights as Hugging Face has them. */
const DINOV2_HUB: { readonly [letter: string]: HubFile } = {
  S: {
    file: "model.safetensors",
    repository: "facebook/dinov2-small",
    revision: "ed25f3a31f01632728cabb09d1542f84ab7b0056",
    sha256: "ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1",
  },
};

function dinov2(letter: keyof typeof DINOV2): Model {
  const [width, layers, size, sha256] = DINOV2[letter];
  const own = `dinov2_vit${letter.toLowerCase()}14`;
  const hub = DINOV2_HUB[letter];
  const file = `${own}_pretrain.pth`;
  const url = `https://dl.fbaipublicfiles.com/dinov2/${own}/${file}`;
  const original: ModelFile = { file, url, sha256, size, cache: "torch" };
  return {
    name: `DINOv2-${letter}-14/lvd142m`,
    aliases: [`DINOv2-${letter}-14`, `DINOv2-${letter}/14`, own, ...hub ? [hub.repository] : []],
    about: `DINOv2 ViT-${letter}/14`,
    bytes: size,
    files: hub ? [hub, original] : [original],
    tensors: async () => {
      const { dinov2Shapes } = await import("./dinov2.ts");
      return dinov2Shapes(width, layers, hub ? "huggingface" : "original");
    },
  };
}

/** DINOv2's models. */
export const DINOV2_MODELS: readonly Model[] = (["S", "B", "L"] as const).map(dinov2);

const SIGLIP = "google/siglip-base-patch16-224";

/** SigLIP's models. */
export const SIGLIP_MODELS: readonly Model[] = [{
  name: "SigLIP-B-16/webli",
  aliases: ["SigLIP-B-16", "SigLIP-B/16", "ViT-B-16-SigLIP", SIGLIP],
  about: "SigLIP ViT-B/16",
  bytes: 813e6,
  files: [{
    file: "model.safetensors",
    repository: SIGLIP,
    revision: "5b1f0cc959a26b8e3bc3e6967d547827c05e5026",
    sha256: "2c63cb7d1f2e95ba501893cbb8faeb4ea9a3af295498d35097126228659c2af8",
  }],
  tensors: async () => {
    const sizes = { width: 768, layers: 12, patchSize: 16, imageSize: 224 };
    return (await import("./siglip.ts")).siglipShapes(sizes);
  },
}];

/** Where the vocabulary of SigLIP's models is, which all share. */
export const SIGLIP_VOCABULARY = "hf:google/siglip-base-patch16-256/tokenizer.json";

/** A model that can be had by name: of CLIP, it says how it was trained. */
export type EncoderModel = Model & Partial<Pick<ClipModel, "activation" | "mean" | "std">>;

/** All models that can be had by name. */
export const ENCODER_MODELS: ModelCatalog<EncoderModel> = new ModelCatalog<EncoderModel>([
  ...CLIP_MODELS.models,
  ...DINOV2_MODELS,
  ...SIGLIP_MODELS,
]);

/**
 * What the names of a model's graphs on a server begin with, as `export` writes them:
 * `ViT-B-32/openai` as `ViT-B-32-openai`; of a path its last part, without what it ends with.
 */
export function servedName(model: string): string {
  const name = ENCODER_MODELS.find(model)
    ? model
    : model.replace(/.*[/:\\]/, "").replace(/\.\w+$/, "");
  return name.replaceAll(/[^\w.-]/g, "-");
}
