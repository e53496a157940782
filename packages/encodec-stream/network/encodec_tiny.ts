/**
 * encodec-tiny: a small speech and music codec of our own in the architecture of EnCodec's 24 kHz
 * model, whose weights are bundled with this package, so that everything can be tried without
 * fetching anything. `models/train/encodec_tiny.py` of the repository trains it.
 *
 * @module
 */
import { openCheckpoint } from "@vcs/onnx/checkpoint";
import { EcdcError } from "../errors.ts";
import type { Weights } from "./model_session.ts";
import { TINY_MODEL } from "../models.ts";

/** The package's own weights. */
async function readWeights(): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(`../weights/${TINY_MODEL}.safetensors`, import.meta.url);
  const response = await fetch(url);
  if (response.ok) return await response.bytes();
  throw new EcdcError(
    "bad-checkpoint",
    `Cannot read the weights of ${TINY_MODEL}: found HTTP ${response.status} at ${url}, expected the package's file`,
  );
}

/**
 * Opens the weights that are bundled with this package.
 *
 * @throws {EcdcError} `bad-checkpoint` if they cannot be fetched.
 */
export async function openTinyWeights(): Promise<Weights> {
  const bytes = await readWeights();
  const source = await openCheckpoint(bytes);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return {
    source,
    identity: `${TINY_MODEL} ${digest.toHex()}`,
    [Symbol.dispose]: () => source.close(),
  };
}
