/**
 * The small ViT of `vits.py` as a file.
 *
 * @module
 */
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { tensorsOf } from "#testing/formula_weights.ts";
import golden from "./vits.json" with { type: "json" };

/** Writes the small ViT with DINOv2's names into a folder; its path. */
export async function writeVit(folder: string): Promise<string> {
  const path = `${folder}/vit.safetensors`;
  await Deno.writeFile(path, encodeSafetensors(tensorsOf(golden.dinov2.shapes)));
  return path;
}
