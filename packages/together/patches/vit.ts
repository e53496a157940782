/**
 * Which vision transformers patches go through: the image towers of clip-drift's networks, and plain
 * ViTs of timm.
 *
 * @module
 */
import {
  chooseActivation,
  dinov2Vit,
  ENCODER_MODELS,
  type FoundWeights,
  isPlainVit,
  kindOf,
  type Vit,
} from "@vcs/clip-drift/internal";
import { stateDict } from "@vcs/onnx";
import type { TensorSource } from "@vcs/onnx/checkpoint";
import type { ResolveOptions } from "@vcs/onnx/store";
import { defined } from "@vcs/transport/internal";

export type { Vit } from "@vcs/clip-drift/internal";

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
): Promise<FoundWeights> {
  const path = await ENCODER_MODELS.resolve(reference, options);
  return { path, entry: ENCODER_MODELS.find(reference) };
}

/** The vision transformer of an open checkpoint, recognised by the names of its tensors. */
export async function vitOf(checkpoint: TensorSource, located: FoundWeights): Promise<Vit> {
  const source = stateDict(checkpoint);
  if (isPlainVit(source)) return dinov2Vit(source);
  const { activation } = await chooseActivation({}, located);
  const { mean, std } = located.entry ?? {};
  return kindOf(source).vit(source, { activation, ...defined({ mean, std }) });
}
