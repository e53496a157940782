/**
 * Errors of this package.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";

/** Stable names of what can go wrong with tokens, streams and models. */
export type VideoVqErrorCode =
  /** The bytes of a window are damaged, or contradict their header. */
  | "bad-window"
  /** A range coded window arrived without the windows that it builds on. */
  | "missing-context"
  /** The stream was made with other weights than the decoder has. */
  | "model-mismatch"
  /** The checkpoint is not that of a known video tokenizer. */
  | "bad-model"
  /** The source has no frames, or frames that cannot be used. */
  | "bad-source"
  /** The file is not a journal, or damaged. */
  | "bad-journal";

/**
 * An error of this package with a stable `code`.
 *
 * @example Distinguishing a damaged window from other errors
 * ```ts
 * import { VideoVqError } from "@vcs/video-vq/errors";
 * import { decodeWindow } from "@vcs/video-vq";
 * import assert from "node:assert/strict";
 *
 * try {
 *   decodeWindow(new Uint8Array(3));
 * } catch (error) {
 *   assert(error instanceof VideoVqError && error.code === "bad-window");
 * }
 * ```
 */
export class VideoVqError extends CodedError<VideoVqErrorCode> {
  /** Name of the class. */
  override readonly name = "VideoVqError";
}
