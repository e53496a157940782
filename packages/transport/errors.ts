/**
 * The error that callers of this package catch: one class, told apart by its `code`.
 *
 * @module
 */

/**
 * What went wrong.
 *
 * - `format_invalid`: bytes or a file are not of the format that they claim, or damaged.
 * - `format_unsupported`: well-formed, with a feature that we do not read or write.
 * - `too_large`: a size passes a cap; found before anything was allocated for it.
 * - `checksum_mismatch`: the bytes are not those that their checksum promises.
 * - `unreachable`: the far end or the broker did not answer within the channel's patience.
 * - `refused`: the far end answered and turned us away (wrong secret, version or role, or busy).
 * - `closed`: the channel was closed before the call was done.
 * - `client_failed`: a broker's client reported something that trying again does not cure.
 */
export type TransportErrorCode =
  | "format_invalid"
  | "format_unsupported"
  | "too_large"
  | "checksum_mismatch"
  | "unreachable"
  | "refused"
  | "closed"
  | "client_failed";

/**
 * An error of this package that a caller may want to catch; misuse throws `TypeError` or
 * `RangeError` instead.
 *
 * @example
 * ```ts
 * import { TransportError } from "@vcs/transport/errors";
 * import assert from "node:assert/strict";
 *
 * const error = new TransportError("too_large", "Cannot read a message: 2 GiB, at most 64 MiB");
 * assert.equal(error.code, "too_large");
 * ```
 */
export class TransportError extends Error {
  /** Name of the class. */
  override name = "TransportError";
  /** What went wrong, as a word that stays the same. */
  readonly code: TransportErrorCode;

  /** Makes an error of a code and a message for people. */
  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
