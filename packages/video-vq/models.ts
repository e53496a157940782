/**
 * Opens the encoder or the decoder of a model. A model is chosen by reference: the path or URL of
 * a checkpoint, the official name, or `vq-tiny`, whose weights are bundled. Default: the official
 * checkpoint if some tool has already downloaded it, else `vq-tiny`.
 *
 * @module
 */
import { findModel } from "@vcs/onnx";
import { findLocal, resolveModel, type ResolveOptions } from "@vcs/onnx/store";
import type { MagvitOptions } from "./magvit/tokenizer.ts";
import type { WindowDecoder, WindowEncoder } from "./stream/tokenizer.ts";
import { TINY_MODEL } from "./tiny/graph.ts";

/** Official name of the authors' video tokenizer. */
export const OFFICIAL_MODEL = "open-magvit2-video";

/** How a model is found and run. */
export interface ModelOptions extends MagvitOptions {
  /** Called as bytes of a download arrive. Default: nothing. */
  readonly onProgress?: NonNullable<ResolveOptions["onProgress"]>;
  /** Aborts a download. */
  readonly signal?: AbortSignal;
}

/**
 * Opens the encoder of a model.
 *
 * @param reference path, URL, official name or `vq-tiny`. Default: what is on this machine.
 * @throws {VideoVqError} `bad-model` if the file is not a checkpoint of this network.
 * @throws {OnnxError} if the model cannot be downloaded, or the device is not available.
 */
export async function openEncoder(
  reference?: string,
  options: ModelOptions = {},
): Promise<WindowEncoder> {
  const path = await checkpointPath(reference, options);
  return path === undefined
    ? await (await import("./tiny/tokenizer.ts")).openTinyEncoder(options)
    : await (await import("./magvit/tokenizer.ts")).openMagvitEncoder(path, options);
}

/** Opens the decoder of a model; takes and throws what {@linkcode openEncoder} does. */
export async function openDecoder(
  reference?: string,
  options: ModelOptions = {},
): Promise<WindowDecoder> {
  const path = await checkpointPath(reference, options);
  return path === undefined
    ? await (await import("./tiny/tokenizer.ts")).openTinyDecoder(options)
    : await (await import("./magvit/tokenizer.ts")).openMagvitDecoder(path, options);
}

/** Path of a checkpoint; undefined for the bundled model. */
async function checkpointPath(
  reference: string | undefined,
  options: ModelOptions,
): Promise<string | undefined> {
  if (reference === TINY_MODEL) return undefined;
  if (reference !== undefined) return await resolveModel(reference, options);
  return (await findLocal(findModel(OFFICIAL_MODEL)!))?.path;
}
