/**
 * The error that callers of this package catch. What is wrong with a video comes as a
 * `MediaError` of `@vcs/media/errors`, what is wrong with a configuration as a RangeError or
 * TypeError.
 *
 * @module
 */

/**
 * What went wrong, for programs:
 *
 * - `backend_unavailable`: the backend asked for cannot be used here
 * - `closed`: the session was closed before
 */
export type PatchStreamErrorCode = "backend_unavailable" | "closed";

/** An error that has to do with the state of things, not with the call: see `code`. */
export class PatchStreamError extends Error {
  /** Name of the class. */
  override readonly name = "PatchStreamError";

  /**
   * Makes an error.
   *
   * @param code what went wrong, stable across versions
   * @param message what was being done, what was found, what is allowed
   */
  constructor(readonly code: PatchStreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
