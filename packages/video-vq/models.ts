/**
 * From a model's name to the half that a stream needs. A model is chosen by reference: the path
 * of a checkpoint, the official name, an address, or `vq-tiny`, whose weights travel with this
 * package. Without one, the official checkpoint is used where some tool has already fetched it,
 * else `vq-tiny`.
 *
 * @module
 */
import { findModel } from "@vcs/onnx";
import { findLocal, resolveModel, type ResolveOptions } from "@vcs/onnx/store";
import type { MagvitOptions } from "./magvit/tokenizer.ts";
import type { WindowDecoder, WindowEncoder } from "./stream/tokenizer.ts";
import { TINY_MODEL } from "./tiny/graph.ts";

/** The authors' video tokenizer, by its official name. */
export const OFFICIAL_MODEL = "open-magvit2-video";

/** How a model is found and run. */
export interface ModelOptions extends MagvitOptions {
  /** Called as bytes of a download arrive. */
  readonly onProgress?: NonNullable<ResolveOptions["onProgress"]>;
  /** Ends a download. */
  readonly signal?: AbortSignal;
}

/**
 * Opens the encoder of a model.
 *
 * @param reference path, official name, address or `vq-tiny`; what is on this machine where not
 * given
 * @throws {VideoVqError} `bad-model` where the file is something else.
 * @throws {OnnxError} where the model cannot be fetched, or the device is not there.
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

/** Path of a checkpoint; undefined for the model that travels with the package. */
async function checkpointPath(
  reference: string | undefined,
  options: ModelOptions,
): Promise<string | undefined> {
  if (reference === TINY_MODEL) return undefined;
  if (reference !== undefined) return await resolveModel(reference, options);
  return (await findLocal(findModel(OFFICIAL_MODEL)!))?.path;
}
