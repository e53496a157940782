/**
 * The official models: names, what they are, and where their authors publish them.
 *
 * @example
 * ```ts
 * import { findModel } from "@vcs/onnx";
 * import assert from "node:assert/strict";
 *
 * assert.equal(findModel("ViT-B/32")?.name, "ViT-B-32/openai");
 * assert.equal(findModel("encodec_48khz")?.files[0]?.file, "encodec_48khz-7e698e3e.th");
 * ```
 *
 * @module
 */

/** A place where a model's file is published. */
export type ModelFile = UrlFile | HubFile;

/** A file at an address. */
export interface UrlFile {
  /** Name of the file. */
  readonly file: string;
  /** Address. */
  readonly url: string;
  /** SHA-256 in hexadecimal, or the first digits of it that the authors put into the name. */
  readonly sha256?: string;
  /** Other tool whose cache may hold the file under the same name. */
  readonly cache?: "torch" | "clip";
}

/** A file in a repository of the Hugging Face hub; its size and SHA-256 are asked of the hub. */
export interface HubFile {
  /** Name of the file. */
  readonly file: string;
  /** Repository, as `owner/name`. */
  readonly repository: string;
}

/** An official model. */
export interface Model {
  /** Its name in commands and options. */
  readonly name: string;
  /** Other spellings. */
  readonly aliases: readonly string[];
  /** What it is, in a line. */
  readonly about: string;
  /** Bytes of the file, about. */
  readonly bytes: number;
  /** Where it is published; the first that can be had is taken. */
  readonly files: readonly ModelFile[];
}

const ENCODEC = "https://dl.fbaipublicfiles.com/encodec/v0";
const CLIP = "https://openaipublic.azureedge.net/clip/models";

function encodec(name: string, sha256: string, about: string, bytes: number): Model {
  const file = `${name}-${sha256}.th`;
  return {
    name,
    aliases: [file],
    about,
    bytes,
    files: [{ file, url: `${ENCODEC}/${file}`, sha256, cache: "torch" }],
  };
}

function clip(arch: string, sha256: string, repository: string, bytes: number): Model {
  const file = `${arch}.pt`;
  const name = arch.replace("-336px", "-336");
  const slashed = name.replace(/^ViT-(\w+)-(\d+)/, "ViT-$1/$2").replace("-336", "@336px");
  return {
    name: `${name}/openai`,
    aliases: [name, `${name}-quickgelu`, slashed],
    about: `CLIP ${slashed}, OpenAI's weights`,
    bytes,
    files: [
      { file, url: `${CLIP}/${sha256}/${file}`, sha256, cache: "clip" },
      { file: "open_clip_model.safetensors", repository },
    ],
  };
}

function laion(name: string, tag: string, repository: string, bytes: number): Model {
  return {
    name: `${name}/${tag}`,
    aliases: [],
    about: `CLIP ${name}, trained on ${tag}`,
    bytes,
    files: [{ file: "open_clip_model.safetensors", repository }],
  };
}

/** Every official model. */
export const MODELS: readonly Model[] = [
  encodec("encodec_24khz", "d7cc33bc", "EnCodec, mono, causal, 1.5 to 24 kbit/s", 93.2e6),
  encodec("encodec_48khz", "7e698e3e", "EnCodec, stereo, 3 to 24 kbit/s", 76.3e6),
  encodec("encodec_lm_24khz", "1608e3c0", "Language model for EnCodec 24 kHz files", 62.3e6),
  encodec("encodec_lm_48khz", "7add9fc3", "Language model for EnCodec 48 kHz files", 36.0e6),
  {
    name: "open-magvit2-video",
    aliases: ["video_128_262144", "video_128_262144.ckpt"],
    about: "Open-MAGVIT2 video tokenizer, 17 frames of 128x128 to 1,280 codes of 18 bits",
    bytes: 3.1e9,
    files: [{
      file: "video_128_262144.ckpt",
      repository: "TencentARC/Open-MAGVIT2-Tokenizer-262144-Video",
    }],
  },
  clip(
    "ViT-B-32",
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    "timm/vit_base_patch32_clip_224.openai",
    354e6,
  ),
  clip(
    "ViT-B-16",
    "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    "timm/vit_base_patch16_clip_224.openai",
    351e6,
  ),
  clip(
    "ViT-L-14",
    "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
    "timm/vit_large_patch14_clip_224.openai",
    933e6,
  ),
  clip(
    "ViT-L-14-336px",
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    "timm/vit_large_patch14_clip_336.openai",
    934e6,
  ),
  laion("ViT-B-32", "laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 605e6),
  laion("ViT-B-32", "datacomp_xl_s13b_b90k", "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", 605e6),
];

/** The official model of a name or another spelling of it, whatever the case. */
export function findModel(name: string): Model | undefined {
  const wanted = name.toLowerCase();
  return MODELS.find((m) => [m.name, ...m.aliases].some((n) => n.toLowerCase() === wanted));
}
