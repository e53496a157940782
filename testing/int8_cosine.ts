/**
 * How near the 8-bit embeddings of a full-size ViT-B/32 are to those in single precision: twelve
 * photos, the weights of open_clip's initialisation, with and without outlier channels.
 *
 * @module
 */
import { decodeImage } from "@vcs/media/image";
import { type ClipGraphOptions, visionGraph, type WeightForm } from "@vcs/clip-drift/internal";
import { findClipWeights } from "@vcs/clip-drift/internal";
import { cosine } from "@vcs/clip-drift/drift";
import { resizeCrop } from "@vcs/clip-drift/internal";
import { hasExactSignedProducts } from "@vcs/onnx/internal";
import { writeModel } from "@vcs/onnx";
import { Session, type SessionOptions } from "@vcs/onnx/session";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { openClipWeights } from "./open_clip_weights.ts";
import { sharedPath } from "./shared.ts";

const PHOTOS = [
  "clip_golden/coco_000000039769.png",
  "clip_golden/skimage_astronaut.png",
  "clip_golden/skimage_camera.png",
  "clip_golden/skimage_chelsea.png",
  "clip_golden/skimage_coffee.png",
  "clip_golden/skimage_horse.png",
  "clip_golden/skimage_motorcycle_right.png",
  "clip_golden/skimage_rocket.jpg",
  "jpeg/pil_flower.jpg",
  "jpeg/pil_hopper.jpg",
  "jpeg/tower_progressive.jpg",
  "jpeg/vacation_2560x1440.jpg",
];

/** What the outlier channels of the norms are multiplied by. */
export const OUTLIER_SCALES = [1, 4, 16, 64] as const;

/** Forms of 8-bit weights that this processor computes exactly, the fastest first. */
export async function exactForms(): Promise<WeightForm[]> {
  return await hasExactSignedProducts() ? ["s8", "u8"] : ["u8"];
}

async function photo(name: string): Promise<Tensor> {
  const image = await decodeImage(await Deno.readFile(sharedPath(`data/${name}`)));
  return tensor("U8", [1, 224, 224, 3], resizeCrop(image, 224));
}

/**
 * Writes the tower of open_clip's initialisation into a folder and opens it.
 *
 * @param threads threads of a run. Default: one per core.
 * @param scale what the outlier channels of the norms are multiplied by
 */
export async function openTower(
  folder: string,
  options: Omit<ClipGraphOptions, "activation">,
  settings: SessionOptions = {},
  scale = 1,
): Promise<Session> {
  const { vision } = findClipWeights(openClipWeights(scale));
  const path = await writeModel(
    visionGraph(vision, { activation: "quick_gelu", ...options }),
    folder,
  );
  // Threads stay awake for as long as those of the package's encoder do.
  return await Session.open(path, { device: "cpu", spin: 50, ...settings });
}

/** Embeddings of images by a tower whose files are removed again. */
async function embed(
  images: readonly Tensor[],
  options: Omit<ClipGraphOptions, "activation">,
  scale: number,
): Promise<Float32Array[]> {
  const folder = await Deno.makeTempDir();
  try {
    using session = await openTower(folder, options, undefined, scale);
    const embeddings: Float32Array[] = [];
    for (const pixels of images) {
      const { embedding } = await session.run({ pixels });
      embeddings.push(embedding!.data as Float32Array);
    }
    return embeddings;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Mean and least cosine over the photos. */
export interface Cosines {
  readonly mean: number;
  readonly least: number;
}

/** Embeds the photos in single precision; what is returned compares 8 bits with that. */
export async function int8Cosines(): Promise<
  (weightForm: WeightForm, scale: number) => Promise<Cosines>
> {
  const images = await Promise.all(PHOTOS.map(photo));
  const full = await embed(images, { precision: "fp32" }, 1);
  return async (weightForm, scale) => {
    const near = await embed(images, { precision: "int8", weightForm }, scale);
    const cosines = near.map((embedding, i) => cosine(embedding, full[i]!));
    const mean = cosines.reduce((sum, x) => sum + x) / cosines.length;
    return { mean, least: Math.min(...cosines) };
  };
}
