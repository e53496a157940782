/**
 * The error class of `@vcs/transport`: failures that a caller may want to catch, distinguished by
 * `code`.
 *
 * @example Distinguish a damaged file from an unsupported one
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
import { hidePasswords } from "./io/credentials.ts";

/** An error that a caller may want to catch: the form of the error classes of all packages. */
export class CodedError<Code extends string> extends Error {
  /** What went wrong, stable across versions. */
  readonly code: Code;

  /**
   * Makes an error.
   *
   * @param code what went wrong, stable across versions
   * @param message what was being done, what was found, what is expected
   */
  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(hidePasswords(message), options);
    this.code = code;
  }
}

/** What went wrong. */
export type TransportErrorCode =
  /** The bytes violate their format. */
  | "format"
  /** The bytes end too early. */
  | "truncated"
  /** The bytes exceed a limit: memory, nesting, counts. */
  | "limit"
  /** The bytes are well formed, but use a feature that is not supported. */
  | "unsupported"
  /** A checksum does not match its bytes. */
  | "checksum"
  /** No entry has that name. */
  | "missing"
  /** The peer or the broker did not answer within the channel's timeout. */
  | "unreachable"
  /** The peer refused the connection: wrong secret, version or role, or it is busy with another. */
  | "refused"
  /** The channel was closed before the call was done. */
  | "closed"
  /** A file could not be fetched: the server refuses, or nothing comes. */
  | "download-failed"
  /** A part that is fetched at first use is not here, and cannot be had. */
  | "part-missing"
  /** A broker, or the disk under a folder, reported an error that a retry does not cure. */
  | "broker";

/** A file, stream or message that cannot be read or written. */
export class TransportError extends CodedError<TransportErrorCode> {
  /** Name of the class. */
  override readonly name = "TransportError";
}
