/**
 * The error that callers of this package catch. What is wrong with a video comes as a
 * `MediaError` of `@vcs/media/errors`, what is wrong with a configuration as a RangeError or
 * TypeError.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";

/**
 * What went wrong, for programs:
 *
 * - `backend-unavailable`: the requested backend cannot be used here
 * - `closed`: the session is closed
 */
export type PatchStreamErrorCode = "backend-unavailable" | "closed";

/** An error that has to do with the state of things, not with the call: see `code`. */
export class PatchStreamError extends CodedError<PatchStreamErrorCode> {
  /** Name of the class. */
  override readonly name = "PatchStreamError";
}
