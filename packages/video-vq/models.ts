/**
 * From a model's name to the half that a stream needs. A model is chosen by reference: the path
 * of a checkpoint, the official name, or an address; without one, the official checkpoint is used
 * where some tool has already fetched it.
 *
 * @module
 */
import { findModel } from "@vcs/onnx/models";
import { findLocal, resolveModel, type ResolveOptions } from "@vcs/onnx/store";
import { VideoVqError } from "./errors.ts";
import { type MagvitOptions, openMagvitDecoder, openMagvitEncoder } from "./magvit_tokenizer.ts";
import type { WindowDecoder, WindowEncoder } from "./tokenizer.ts";

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
 * @param reference path, official name or address; what is on this machine where not given
 * @throws {VideoVqError} `no-model` where nothing is named and nothing is here, `bad-model` where
 * the file is something else.
 * @throws {OnnxError} where the model cannot be fetched, or the device is not there.
 */
export async function openEncoder(
  reference?: string,
  options: ModelOptions = {},
): Promise<WindowEncoder> {
  return await openMagvitEncoder(await modelPath(reference, options), options);
}

/** Opens the decoder of a model; takes and throws what {@linkcode openEncoder} does. */
export async function openDecoder(
  reference?: string,
  options: ModelOptions = {},
): Promise<WindowDecoder> {
  return await openMagvitDecoder(await modelPath(reference, options), options);
}

async function modelPath(reference: string | undefined, options: ModelOptions): Promise<string> {
  if (reference !== undefined) return await resolveModel(reference, options);
  const local = await findLocal(findModel(OFFICIAL_MODEL)!);
  if (local) return local.path;
  throw new VideoVqError(
    `Cannot open a model: none is named and ${OFFICIAL_MODEL} is not on this machine; name it (--model ${OFFICIAL_MODEL} fetches 3.1 GB), or give the path of its video_128_262144.ckpt`,
    "no-model",
  );
}
