/**
 * The errors of this package.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";

/**
 * Why a file or a checkpoint could not be used.
 *
 * - `bad-header`: not an `.ecdc` file, or its header breaks the format's rules
 * - `limit`: the header is larger than is allowed
 * - `unsupported`: a valid file of a kind that is not read here (another tool's body, another model)
 * - `truncated`: the file ends before the audio that its header promises
 * - `bad-segment`: a segment's scale is not a usable number
 * - `no-audio`: there is nothing to encode
 * - `desynchronised`: entropy-coded data and the language model no longer agree
 * - `bad-checkpoint`: model weights lack a tensor, or one has the wrong shape
 * - `unreachable`: the source could not be opened, or a server did not answer as expected
 */
export type EcdcErrorCode =
  | "bad-header"
  | "limit"
  | "unsupported"
  | "truncated"
  | "bad-segment"
  | "no-audio"
  | "desynchronised"
  | "bad-checkpoint"
  | "unreachable";

/**
 * An `.ecdc` file, a source or a checkpoint that cannot be used. When a stream throws it, everything
 * decodable before the damage has been yielded.
 */
export class EcdcError extends CodedError<EcdcErrorCode> {
  /** Name of the class. */
  override readonly name = "EcdcError";
}
