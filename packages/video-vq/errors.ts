/**
 * What callers of this package may want to catch.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";

/** Stable names of what can go wrong with tokens, streams and models. */
export type VideoVqErrorCode =
  /** The bytes of a window are not what their header says, or damaged. */
  | "bad-window"
  /** A range coded window came without the windows that it builds on. */
  | "missing-context"
  /** The stream was made with other weights than the decoder has. */
  | "model-mismatch"
  /** The checkpoint is not a video tokenizer that this package knows. */
  | "bad-model"
  /** The source gave no frames, or frames that cannot be used. */
  | "bad-source"
  /** The file is no journal, or a damaged one. */
  | "bad-journal";

/**
 * An error of this package with a stable `code`.
 *
 * @example Telling a damaged window from other trouble
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
