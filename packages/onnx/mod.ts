/**
 * Official checkpoints, graphs and devices: networks in ONNX Runtime without Python.
 *
 * @module
 */
export {
  type Port,
  type RunOptions,
  Session,
  type SessionOptions,
  type Tensors,
} from "./session.ts";
export {
  type DeviceOptions,
  type DeviceReport,
  listDevices,
  parseDevice,
  type Provider,
  type ResolvedDevice,
  resolveDevice,
} from "./devices.ts";
export {
  type Checkpoint,
  type CheckpointOptions,
  type CheckpointValue,
  openCheckpoint,
  type TensorSource,
} from "./checkpoint.ts";
export {
  type CatalogOptions,
  type HubFile,
  type LocalModel,
  type Model,
  ModelCatalog,
  type ModelFile,
  type ResolveOptions,
  type TensorShapes,
  type UrlFile,
  type Verification,
} from "./store.ts";
export {
  addDims,
  type Attribute,
  type Attributes,
  canonicalDim,
  type Dim,
  divideDim,
  float,
  type FloatAttribute,
  type FloatType,
  formatShape,
  GraphBuilder,
  GraphCore,
  type GraphNode,
  type GraphOptions,
  type GraphWeight,
  isFloat,
  type LazyTensor,
  maxDim,
  multiplyDims,
  type Operand,
  type ResizeOptions,
  sameCount,
  sameDim,
  scaleDim,
  type Value,
  type ValueType,
  type WeightSource,
  type Window,
} from "./graph.ts";
export { OnnxError, type OnnxErrorCode } from "./errors.ts";
export {
  elementType,
  elementTypeOf,
  graphOutline,
  modelBytes,
  OPSET,
  writeModel,
} from "./graph/model.ts";
export { derive, toFloat, toFloat32, transposed } from "./graph/weights.ts";
export {
  type Activation,
  activation,
  ACTIVATION_NAMES,
  foldWeightNorm,
  groupNorm,
  type GroupNormOptions,
  interleave,
  lstm,
  type LstmState,
  type LstmWeights,
  reflectPad,
  upsample1d,
  upsampleBias,
  upsampleKernel,
} from "./graph/layers.ts";
export {
  NetworkWeights,
  type NetworkWeightsOptions,
  type WeightFile,
  type WeightReport,
} from "./graph/network_weights.ts";
export { emaWeights, stateDict, tensorsUnder } from "./torch/checkpoint_weights.ts";
export { cachedModel, fileIdentity } from "./cache/model_cache.ts";
export type { Patience } from "./cache/download.ts";
export type { Environment } from "./cache/paths.ts";

if (import.meta.main) {
  const [{ runCommand }, { onnx }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(onnx);
}
