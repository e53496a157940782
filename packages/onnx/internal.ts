/**
 * What the sibling packages and the benchmarks use of this package beyond its public API, and what of it
 * they use without the rest. Nothing here is kept stable.
 *
 * @module
 */
export { fileIdentity, writeNote } from "./cache/identity.ts";
export { cachedModel } from "./cache/model_cache.ts";
export { graphDirectory } from "./cache/paths.ts";
export { deviceKind } from "./command/device_kind.ts";
export {
  exportCommand,
  type ExportedGraph,
  exportGraphs,
  type GraphExport,
  type ModelGraphs,
} from "./command/export.ts";
export { type Activation, activation, groupNorm } from "./graph/layers.ts";
export { NetworkWeights, type WeightReport } from "./graph/network_weights.ts";
export { foldNorm, quantized } from "./graph/weight_layout.ts";
export { tritonConfig } from "./graph/triton.ts";
export { stateDict } from "./torch/checkpoint_weights.ts";
export { hasExactSignedProducts } from "./runtime/byte_products.ts";
export { ONNX_RUNTIME } from "./runtime/runtime_part.ts";
export {
  CHECKPOINT_OPTIONS,
  doctorCommand,
  modelCommands,
  modelNeed,
} from "./command/model_commands.ts";
