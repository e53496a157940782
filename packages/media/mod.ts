/**
 * Exact video reading and writing, audio, still images.
 *
 * @module
 */
export * from "./errors.ts";
export * from "./video_reader.ts";
