/**
 * Exact video reading and writing, audio, still images, the frames of MJPEG cameras.
 *
 * The options and records of each part are exported beside it: `@vcs/media/video_reader`,
 * `/video_writer`, `/audio`, `/image`, `/mjpeg` and `/wav`.
 *
 * @module
 */
export {
  type FrameMotion,
  type IndexedFrame,
  type MediaSource,
  type VideoFrame,
  type VideoInfo,
  VideoReader,
  type VideoReaderOptions,
} from "./video_reader.ts";
export {
  type LiveEvent,
  type LiveFrame,
  liveFrames,
  type LiveInfo,
  type LiveOptions,
  type LiveStream,
  openLive,
} from "./live/live_frames.ts";
export { latest, type LatestOptions } from "./live/latest.ts";
export { pathOf, readSource } from "./decode/media_source.ts";
export type { ConnectionLost, ReconnectOptions } from "./live/reconnect.ts";
export { VideoWriter, type VideoWriterOptions } from "./video_writer.ts";
export {
  type AudioData,
  type AudioOptions,
  type AudioStream,
  decodeAudio,
  type DecodeAudioOptions,
  openAudio,
} from "./audio.ts";
export { decodeImage, encodeJpeg, encodePng, type Image } from "./image.ts";
export { type MjpegFrame, mjpegFrames, MjpegReader } from "./mjpeg.ts";
export { encodeWav, openWav, type PcmFormat, type WavStream, wavWriter } from "./wav.ts";
export { MediaError, type MediaErrorCode } from "./errors.ts";
export { listeningFilter, resample, Resampler, type ResamplingFilter } from "./audio/resampler.ts";
