/**
 * What sibling packages and benchmarks use of this package. No promise is made to anyone else: it
 * changes without notice.
 *
 * @module
 */
export { Antialiased, triangleTaps } from "./resize/antialias.ts";
export { AreaResize } from "./resize/area.ts";
export { OpencvBilinear } from "./resize/opencv.ts";
export { PillowBicubic, TwoPasses } from "./resize/pillow.ts";
export {
  type FilterTaps,
  type NeighbourTaps,
  roundHalfEven,
  type Size,
  type Window,
} from "./resize/taps.ts";
export { Layout } from "./resize/layout.ts";
export { peek, type Peeked } from "./audio/peek.ts";
export { shownSource, type SourceKind, sourceKind } from "./live/address.ts";
export { type ConnectionPlan, reconnecting } from "./live/reconnect.ts";
export { NODE_AV } from "./ffmpeg/node_av_part.ts";
export { SHARP } from "./formats/sharp_part.ts";
export { JpegWalker, type WalkState } from "./formats/jpeg_walker.ts";
export {
  type Code,
  f32x4,
  f64x2,
  i16x8,
  i32,
  i32x4,
  i8x16,
  Kernel,
  type KernelFunction,
  type Local,
  Locals,
  type NamedLocals,
  repeat,
  v128,
} from "./simd/wasm.ts";
