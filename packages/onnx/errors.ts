/**
 * The error that callers of this package catch: one class, told apart by its `code`.
 *
 * @module
 */

/**
 * What went wrong.
 *
 * - `library_missing`: ONNX Runtime's shared library is not there or cannot be loaded.
 * - `library_version`: the library is too old for the API that we speak.
 * - `device_unavailable`: a device was asked for by name and cannot be used here.
 * - `model_invalid`: ONNX Runtime does not accept the model.
 * - `run_failed`: a run started and failed.
 * - `session_closed`: the session was closed before the call.
 * - `checkpoint_invalid`: a checkpoint file is damaged or not of a kind that we read.
 * - `checkpoint_refused`: a checkpoint names something that the allow-list does not hold.
 * - `weights_mismatch`: a checkpoint lacks weights that the network needs, or has other shapes.
 * - `model_unknown`: no model of that name.
 * - `model_missing`: the model is known and not here, and nothing may be fetched.
 * - `download_failed`: the model could not be fetched.
 * - `checksum_mismatch`: a file's bytes are not those that its name or table entry promises.
 */
export type OnnxErrorCode =
  | "library_missing"
  | "library_version"
  | "device_unavailable"
  | "model_invalid"
  | "run_failed"
  | "session_closed"
  | "checkpoint_invalid"
  | "checkpoint_refused"
  | "weights_mismatch"
  | "model_unknown"
  | "model_missing"
  | "download_failed"
  | "checksum_mismatch";

/**
 * An error of this package that a caller may want to catch; misuse throws `TypeError` or
 * `RangeError` instead.
 *
 * @example
 * ```ts
 * import { OnnxError } from "@vcs/onnx/errors";
 * import assert from "node:assert/strict";
 *
 * const error = new OnnxError("device_unavailable", "Cannot open cuda:0: no such device");
 * assert.equal(error.code, "device_unavailable");
 * ```
 */
export class OnnxError extends Error {
  /** Name of the class. */
  override name = "OnnxError";
  /** What went wrong, as a word that stays the same. */
  readonly code: OnnxErrorCode;

  /** Makes an error of a code and a message for people. */
  constructor(code: OnnxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
