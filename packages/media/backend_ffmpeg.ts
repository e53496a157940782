/**
 * The installed programs ffmpeg and ffprobe: the fallback.
 *
 * @module
 */
import type { Backend } from "./backend.ts";
import { MediaError } from "./errors.ts";

const absent = () =>
  Promise.reject(new MediaError("unsupported", "Cannot read video: not there yet"));

/** FFmpeg as installed programs. */
export const ffmpegBackend: Backend = {
  name: "ffmpeg",
  seekCost: 100,
  inspect: absent,
  decode: absent,
};
