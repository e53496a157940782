/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export { OverlapAdd } from "./audio/overlap_add.ts";
export { packCodes, unpackCodes } from "./container/bits.ts";
export {
  type Extent,
  segmentCount,
  type SegmentPlace,
  segmentPlace,
} from "./container/segments.ts";
export { type CheckpointKind, syntheticAudio, syntheticCheckpoint } from "./network/synthetic.ts";
