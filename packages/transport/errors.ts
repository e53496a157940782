/**
 * The one error class of `@vcs/transport`: what a caller may want to catch, told apart by `code`.
 *
 * @example Telling a damaged file from an unsupported one
 * ```ts
 * import { readSafetensors } from "@vcs/transport/safetensors";
 * import { TransportError } from "@vcs/transport/errors";
 * import assert from "node:assert/strict";
 *
 * assert.throws(
 *   () => readSafetensors(new Uint8Array(4)),
 *   (error) => error instanceof TransportError && error.code === "truncated",
 * );
 * ```
 *
 * @module
 */

/** An error that a caller may want to catch: the form of the error classes of all packages. */
export class CodedError<Code extends string> extends Error {
  /** What went wrong, stable across versions. */
  readonly code: Code;

  /**
   * Makes an error.
   *
   * @param code what went wrong, stable across versions
   * @param message what was being done, what was found, what is allowed
   */
  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What went wrong. */
export type TransportErrorCode =
  /** The bytes break the rules of their format. */
  | "format"
  /** The bytes end too early. */
  | "truncated"
  /** The bytes ask for more than is allowed: memory, nesting, counts. */
  | "limit"
  /** The bytes are well formed, but use a feature that is not supported. */
  | "unsupported"
  /** A checksum does not match its bytes. */
  | "checksum"
  /** There is no entry of that name. */
  | "missing"
  /** The peer or the broker did not answer within the channel's timeout. */
  | "unreachable"
  /** The peer turned us away: wrong secret, version or role, or it is busy with another. */
  | "refused"
  /** The channel was closed before the call was done. */
  | "closed"
  /** A broker, or the disk under a folder, reported something that trying again does not cure. */
  | "broker";

/** A file, stream or message that cannot be read or written. */
export class TransportError extends CodedError<TransportErrorCode> {
  /** Name of the class. */
  override readonly name = "TransportError";
}
