/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export { pixelsToBytes, pixelsToFloat } from "./frames/pixels.ts";
export { FrameFitter } from "./frames/frame_fitter.ts";
export { MagvitCheckpoint } from "./magvit/checkpoint.ts";
export { FULL_NETWORK, type Half, type NetworkConfig } from "./magvit/config.ts";
export type { NetworkOptions } from "./magvit/network.ts";
export { SMALL_NETWORK, syntheticCheckpoint } from "./magvit/synthetic.ts";
export { tokensFromLatent } from "./stream/tokens.ts";
export { TINY_WEIGHTS } from "./tiny/weights.ts";
