/**
 * Official checkpoints, graphs and devices: networks in ONNX Runtime without Python.
 *
 * The options and records of each part are exported beside it: `@vcs/onnx/session`, `/devices`,
 * `/checkpoint`, `/store` and `/graph`.
 *
 * @module
 */
export {
  type ModelValue,
  type RunOptions,
  Session,
  type SessionOptions,
  type Tensors,
} from "./session.ts";
export { type DeviceReport, listDevices, type ResolvedDevice, resolveDevice } from "./devices.ts";
export { type Checkpoint, openCheckpoint, type TensorSource } from "./checkpoint.ts";
export {
  type LocalModel,
  type Model,
  ModelCatalog,
  type ModelFile,
  type ResolveOptions,
  type Verification,
} from "./store.ts";
export {
  addDims,
  type Dim,
  divideDim,
  float,
  GraphBuilder,
  type LazyTensor,
  multiplyDims,
  scaleDim,
  type Value,
  type WeightSource,
} from "./graph.ts";
export { OnnxError, type OnnxErrorCode } from "./errors.ts";
export { modelBytes, writeModel } from "./graph/model.ts";
export { derive, toFloat, toFloat32, transposed } from "./graph/weights.ts";
export {
  type Activation,
  activation,
  foldWeightNorm,
  groupNorm,
  type GroupNormOptions,
  lstm,
  type LstmState,
  type LstmWeights,
  reflectPad,
  upsample1d,
} from "./graph/layers.ts";
export {
  type BlockWeights,
  type Layer,
  type MlpActivation,
  type Norm,
  type PoolWeights,
  type Precision,
  TransformerBuilder,
  type TransformerOptions,
  type WeightForm,
} from "./graph/transformer.ts";
export {
  NetworkWeights,
  type NetworkWeightsOptions,
  type WeightFile,
  type WeightReport,
} from "./graph/network_weights.ts";
export { emaWeights, stateDict } from "./torch/checkpoint_weights.ts";
export { fileIdentity } from "./cache/identity.ts";
export { cachedModel } from "./cache/model_cache.ts";

if (import.meta.main) {
  const [{ runCommand }, { onnx }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(onnx);
}
