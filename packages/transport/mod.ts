/**
 * Tensors, their file formats, bounded flow and channels between machines.
 *
 * @module
 */
export * from "./errors.ts";
export * from "./message.ts";
export * from "./tensor.ts";
