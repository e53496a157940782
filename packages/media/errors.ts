/**
 * The error that callers of this package catch.
 *
 * @module
 */
import { CodedError } from "@vcs/transport/errors";

/**
 * What went wrong, for programs:
 *
 * - `invalid-media`: the bytes are not a media file, or its header is cut off
 * - `limit`: an image or a video of more pixels, or audio of more bytes, than are allowed
 * - `connection-lost`: a live source that cannot be reached, or that went away
 * - `download-failed`: a URL whose server cannot be reached, refuses or breaks off
 * - `no-video-stream`, `no-audio-stream`: a media file without the stream asked for
 * - `empty-video`: a video stream without a single frame
 * - `decode-failed`: a frame that cannot be decoded, or only with damage
 * - `encode-failed`: the encoder or the container refused
 * - `no-backend`: neither node-av nor the programs ffmpeg and ffprobe are there
 * - `no-device`: the device asked for is not there
 * - `unsupported`: the chosen backend cannot do what was asked
 * - `closed`: the reader or writer was closed before
 */
export type MediaErrorCode =
  | "invalid-media"
  | "limit"
  | "connection-lost"
  | "download-failed"
  | "no-video-stream"
  | "no-audio-stream"
  | "empty-video"
  | "decode-failed"
  | "encode-failed"
  | "no-backend"
  | "no-device"
  | "unsupported"
  | "closed";

/** Options of {@linkcode MediaError}. */
export interface MediaErrorOptions extends ErrorOptions {
  /** Index of the frame that the error is about. */
  frame?: number;
}

/**
 * An error that has to do with the media, not with the call: see `code`.
 *
 * @example
 * ```ts
 * import { MediaError } from "@vcs/media/errors";
 * import { VideoReader } from "@vcs/media/video_reader";
 * import assert from "node:assert/strict";
 *
 * const noise = new TextEncoder().encode("this is not a video");
 * await assert.rejects(
 *   VideoReader.open(noise),
 *   (error) => error instanceof MediaError && error.code === "invalid-media",
 * );
 * ```
 */
export class MediaError extends CodedError<MediaErrorCode> {
  /** Name of the class. */
  override readonly name = "MediaError";
  /** Index of the frame that the error is about. */
  readonly frame: number | undefined;

  /** Makes an error with a code. */
  constructor(code: MediaErrorCode, message: string, options: MediaErrorOptions = {}) {
    super(code, message, options);
    this.frame = options.frame;
  }
}
