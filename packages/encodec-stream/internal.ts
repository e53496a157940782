/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export type { PcmFormat } from "./audio/pcm.ts";
export { packCodes, unpackCodes } from "./container/bits.ts";
export { type CheckpointKind, syntheticAudio, syntheticCheckpoint } from "./network/synthetic.ts";
