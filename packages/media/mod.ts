/**
 * Exact video reading and writing, audio, still images, the pictures of cameras.
 *
 * @module
 */
export * from "./audio.ts";
export * from "./errors.ts";
export * from "./image.ts";
export * from "./mjpeg.ts";
export * from "./mjpeg_walker.ts";
export * from "./resampler.ts";
export * from "./video_reader.ts";
export * from "./video_writer.ts";
export * from "./wav.ts";
