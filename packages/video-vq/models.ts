/**
 * Opens the encoder or the decoder of a model. A model is chosen by reference: the path or URL of
 * a checkpoint, the official name, or `vq-tiny`, whose weights are bundled. Default: the official
 * checkpoint if some tool has already downloaded it, else `vq-tiny`.
 *
 * @module
 */
import { ModelCatalog, type ResolveOptions, type TensorShapes } from "@vcs/onnx/store";
import type { CheckpointOptions } from "./official/tokenizer.ts";
import type { WindowDecoder, WindowEncoder } from "./stream/tokenizer.ts";
import { TINY_MODEL } from "./tiny/graph.ts";

/** Official name of the authors' video tokenizer. */
const OFFICIAL_MODEL = "open-magvit2-video";

/** Tensors of the authors' checkpoint that running it takes: the moving averages of training. */
async function officialTensors(): Promise<TensorShapes> {
  const { FULL_NETWORK } = await import("./magvit/config.ts");
  const { averagedName } = await import("./official/checkpoint.ts");
  const { networkShapes } = await import("./magvit/network.ts");
  return new Map(
    [...networkShapes(FULL_NETWORK)].map(([key, shape]) => [averagedName(key), shape]),
  );
}

/** Tensors of VidTok's checkpoint that running it takes. */
async function vidtokTensors(): Promise<TensorShapes> {
  const { FULL_VIDTOK_DECODER, FULL_VIDTOK_ENCODER } = await import("./vidtok/config.ts");
  const { vidtokShapes } = await import("./vidtok/graph.ts");
  return new Map([
    ...vidtokShapes("encoder", FULL_VIDTOK_ENCODER),
    ...vidtokShapes("decoder", FULL_VIDTOK_DECODER),
  ]);
}

/** The models that can be had by name, beside `vq-tiny`, which is bundled with this package. */
export const VIDEO_MODELS: ModelCatalog = new ModelCatalog([{
  name: OFFICIAL_MODEL,
  aliases: ["video_128_262144", "video_128_262144.ckpt"],
  about: "Open-MAGVIT2 video tokenizer, 17 frames of 128x128 to 1,280 codes of 18 bits",
  bytes: 3.1e9,
  files: [{
    file: "video_128_262144.ckpt",
    repository: "TencentARC/Open-MAGVIT2-Tokenizer-262144-Video",
  }],
  tensors: officialTensors,
}, {
  name: "vidtok-fsq",
  aliases: ["vidtok_fsq_causal_488_262144", "vidtok_fsq_causal_488_262144.ckpt"],
  about: "VidTok, causal, with FSQ: 17 frames of 128x128 to 1,280 codes of 18 bits",
  bytes: 6.3e8,
  files: [{
    file: "checkpoints/vidtok_fsq_causal_488_262144.ckpt",
    repository: "microsoft/VidTok",
  }],
  tensors: vidtokTensors,
}]);

/** How a model is found and run. */
export interface ModelOptions
  extends CheckpointOptions, Pick<ResolveOptions, "onLine" | "onProgress" | "signal"> {}

/**
 * Opens the encoder of a model.
 *
 * @param reference path, URL, official name or `vq-tiny`. Default: what is on this machine.
 * @throws {VideoVqError} `bad-model` if the file is not a checkpoint of a network that is known.
 * @throws {OnnxError} if the model cannot be downloaded, or the device is not available.
 */
export async function openEncoder(
  reference?: string,
  options: ModelOptions = {},
): Promise<WindowEncoder> {
  const path = await checkpointPath(reference, options);
  return path === undefined
    ? await (await import("./tiny/tokenizer.ts")).openTinyEncoder(options)
    : await (await import("./official/tokenizer.ts")).openCheckpointEncoder(path, options);
}

/** Opens the decoder of a model; takes and throws what {@linkcode openEncoder} does. */
export async function openDecoder(
  reference?: string,
  options: ModelOptions = {},
): Promise<WindowDecoder> {
  const path = await checkpointPath(reference, options);
  return path === undefined
    ? await (await import("./tiny/tokenizer.ts")).openTinyDecoder(options)
    : await (await import("./official/tokenizer.ts")).openCheckpointDecoder(path, options);
}

/** Path of a checkpoint; undefined for the bundled model. */
async function checkpointPath(
  reference: string | undefined,
  options: ModelOptions,
): Promise<string | undefined> {
  if (reference === TINY_MODEL) return undefined;
  if (reference !== undefined) return await VIDEO_MODELS.resolve(reference, options);
  const local = await VIDEO_MODELS.findLocal(OFFICIAL_MODEL);
  return local && await VIDEO_MODELS.resolve(OFFICIAL_MODEL, options);
}
