/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export { pixelsToBytes, pixelsToFloat } from "./frames/pixels.ts";
export { FrameFitter } from "./frames/preprocess.ts";
export { FULL_NETWORK } from "./magvit/config.ts";
export { SMALL_NETWORK, syntheticCheckpoint } from "./magvit/synthetic.ts";
