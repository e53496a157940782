/**
 * A ViT-B-32 of full size with the weights that open_clip gives it before training, built as the
 * command builds it: what is measured is speed, for which trained weights make no difference.
 *
 * @module
 */
import type { Precision } from "@vcs/clip-drift/internal";
import type { Session, SessionOptions } from "@vcs/onnx/session";
import { exactForms, openTower } from "#testing/int8_cosine.ts";

/** Writes the model into a folder and opens it. */
export async function openRandomClip(
  folder: string,
  precision: Precision,
  settings: SessionOptions = {},
): Promise<Session> {
  const [weightForm] = await exactForms() as ["s8" | "u8"];
  return await openTower(`${folder}/${precision}`, { precision, weightForm }, settings);
}
