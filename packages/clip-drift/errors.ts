/**
 * The error that a caller of this package may want to catch.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";

/**
 * What went wrong:
 * - `refused`, `unreachable`, `timeout`, `tls`, `unauthorized`, `not-found`, `http-status`,
 *   `not-mjpeg`, `closed`: the camera, or what is between it and us
 * - `bad-image`: bytes that are no whole picture
 * - `no-weights`, `bad-weights`: the model's file is missing, or is not one of the known formats
 * - `bad-run`: a run folder that cannot be read
 * - `out-of-memory`: the model does not fit
 */
export type ClipDriftErrorCode =
  | "refused"
  | "unreachable"
  | "timeout"
  | "tls"
  | "unauthorized"
  | "not-found"
  | "http-status"
  | "not-mjpeg"
  | "closed"
  | "bad-image"
  | "no-weights"
  | "bad-weights"
  | "bad-run"
  | "out-of-memory";

/** An error of this package, with a code that stays the same from version to version. */
export class ClipDriftError extends CodedError<ClipDriftErrorCode> {
  /** Name of the class. */
  override readonly name = "ClipDriftError";
}
