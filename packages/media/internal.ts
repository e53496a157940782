/**
 * What sibling packages and benchmarks use of this package. No promise is made to anyone else: it
 * changes without notice.
 *
 * @module
 */
export { Antialiased, triangleTaps } from "./resize/antialias.ts";
export { OpencvBilinear } from "./resize/opencv.ts";
export { PillowBicubic } from "./resize/pillow.ts";
export {
  type FilterTaps,
  type NeighbourTaps,
  roundHalfEven,
  type Size,
  type Window,
} from "./resize/taps.ts";
export { bilinearTaps, TorchBilinear } from "./resize/torch.ts";
export * from "./pcm.ts";
