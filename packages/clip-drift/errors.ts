/**
 * The error that a caller of this package may want to catch.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";

/**
 * What went wrong:
 * - `refused`, `unreachable`, `timeout`, `tls`, `unauthorized`, `not-found`, `http-status`,
 *   `not-mjpeg`, `closed`: the camera, or the network between
 * - `bad-image`: bytes that are not a complete image
 * - `no-weights`, `bad-weights`: the model's file is missing, or in none of the known formats
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
