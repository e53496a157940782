/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export { pixelsToBytes, pixelsToFloat } from "./frames/pixels.ts";
export { FrameFitter } from "./frames/frame_fitter.ts";
export { VideoCheckpoint } from "./official/checkpoint.ts";
export { FULL_NETWORK, type NetworkConfig } from "./magvit/config.ts";
export type {
  Half,
  NetworkOptions,
  ShapeOf,
  SizedHalf,
  VideoNetwork,
  WeightOf,
} from "./official/network.ts";
export { SMALL_NETWORK, syntheticCheckpoint } from "./official/synthetic.ts";
export { tokensFromLatent } from "./stream/tokens.ts";
export { TINY_WEIGHTS } from "./tiny/weights.ts";
