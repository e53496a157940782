/**
 * The error that callers of this package catch: one class, distinguished by its `code`.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";

/**
 * What went wrong.
 *
 * - `library-missing`: ONNX Runtime's shared library is not there or cannot be loaded.
 * - `library-version`: the library is too old for the API that we speak.
 * - `device-unavailable`: a device was asked for by name and cannot be used here.
 * - `model-invalid`: ONNX Runtime does not accept the model.
 * - `run-failed`: a run started and failed.
 * - `session-closed`: the session was closed before the call.
 * - `checkpoint-invalid`: a checkpoint file is damaged or not of a kind that we read.
 * - `server-failed`: a server of models cannot be reached, broke off, was silent, or turns us away.
 * - `answer-invalid`: what a server of models answered is not of the protocol, or not of the model.
 * - `limit`: a checkpoint, or a server's answer, would take more memory or work than is allowed it.
 * - `checkpoint-refused`: a checkpoint names something that the allow-list does not hold.
 * - `weights-mismatch`: a checkpoint lacks weights that the network needs, or has other shapes.
 * - `model-unknown`: no model of that name.
 * - `model-missing`: the model is known and not here, and nothing may be fetched.
 * - `download-failed`: the model could not be fetched.
 * - `checksum-mismatch`: a file's bytes are not those that its name or table entry promises.
 */
export type OnnxErrorCode =
  | "library-missing"
  | "library-version"
  | "device-unavailable"
  | "model-invalid"
  | "run-failed"
  | "session-closed"
  | "server-failed"
  | "answer-invalid"
  | "checkpoint-invalid"
  | "limit"
  | "checkpoint-refused"
  | "weights-mismatch"
  | "model-unknown"
  | "model-missing"
  | "download-failed"
  | "checksum-mismatch";

/**
 * An error of this package that a caller may want to catch; misuse throws `TypeError` or
 * `RangeError` instead.
 *
 * @example
 * ```ts
 * import { OnnxError } from "@vcs/onnx/errors";
 * import assert from "node:assert/strict";
 *
 * const error = new OnnxError("device-unavailable", "Cannot open cuda:0: no such device");
 * assert.equal(error.code, "device-unavailable");
 * ```
 */
export class OnnxError extends CodedError<OnnxErrorCode> {
  /** Name of the class. */
  override readonly name = "OnnxError";
}
