/**
 * Exact streaming of neural audio: reads, writes, seeks and plays `.ecdc`.
 *
 * @module
 */
export * from "./errors.ts";
