/**
 * Tensors, their file formats, bounded flow and channels between machines.
 *
 * @module
 */
export * from "./tensor.ts";
