/**
 * Exact video reading and writing, audio, still images, the frames of MJPEG cameras.
 *
 * @module
 */
export {
  type FrameMotion,
  type FrameRangeOptions,
  type FramesOptions,
  type IndexedFrame,
  type MediaSource,
  type MotionVectors,
  type Replacement,
  type VideoFrame,
  type VideoInfo,
  VideoReader,
  type VideoReaderOptions,
} from "./video_reader.ts";
export { VideoWriter, type VideoWriterOptions, type WritableFrame } from "./video_writer.ts";
export {
  type AudioData,
  type AudioOptions,
  type AudioStream,
  decodeAudio,
  openAudio,
  type RawPcm,
} from "./audio.ts";
export {
  type DecodedImage,
  decodeImage,
  type DecodeImageOptions,
  encodeJpeg,
  type EncodeJpegOptions,
  encodePng,
  type Image,
} from "./image.ts";
export { type MjpegFrame, mjpegFrames, MjpegReader, type MjpegStats } from "./mjpeg.ts";
export {
  encodeWav,
  isWav,
  openWav,
  type PcmFormat,
  wavHeader,
  type WavOptions,
  type WavStream,
  wavWriter,
} from "./wav.ts";
export { MediaError, type MediaErrorCode, type MediaErrorOptions } from "./errors.ts";
export { resample, Resampler } from "./audio/resampler.ts";
