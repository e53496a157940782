/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export { drawScene, type Scene, sceneFrames, type SceneOptions } from "./camera/scene.ts";
export { chooseActivation, type FoundWeights } from "./clip/activation.ts";
export {
  type ClipGraphOptions,
  clipVit,
  type Precision,
  visionGraph,
  type WeightForm,
} from "./clip/graph.ts";
export {
  type ClipWeights,
  findClipWeights,
  type TextConfig,
  type TowerConfig,
  type TowerWeights,
  type VisionConfig,
} from "./clip/weights.ts";
export { dinov2Vit, isPlainVit } from "./vit/dinov2.ts";
export { ENCODER_MODELS, type EncoderModel } from "./vit/models.ts";
export { positionsFor } from "./vit/positions.ts";
export {
  type Beside,
  type EncoderKind,
  kindOf,
  type Scoring,
  type TextKind,
  type TextTokens,
} from "./vit/registry.ts";
export { type Colours, encodeTokens, type Vit } from "./vit/vit.ts";
export { gistGraph } from "./measures/gist.ts";
export type { GistName } from "./measures/gist_names.ts";
export { type Grey, smallGrey } from "./measures/grey.ts";
export { PictureMeasures, type PictureRow } from "./measures/picture.ts";
export { fileFrame } from "./source.ts";
export type { Point, Polygon, Regions, RegionsByCamera } from "./measures/regions.ts";
export { type CropBox, type Framing, resizeCrop } from "./clip/preprocess.ts";
export {
  type Dashboard,
  type DashboardOptions,
  type RegionsKeeper,
  serveDashboard,
} from "./page/dashboard.ts";
export {
  type Audience,
  CameraFeed,
  type CameraNote,
  type CameraStatus,
  type CameraView,
  Hub,
  type HubMessage,
  type Measured,
  type Mirrored,
  type PlotPoint,
} from "./page/hub.ts";
export {
  type RunConfig,
  RunFolder,
  type RunFolderOptions,
  type RunFrame,
  type RunTotals,
} from "./runs/writer.ts";
export { levelFile, LEVELS, RunLevels } from "./runs/levels.ts";
export { MQTT_CLIENT } from "./alerts/mqtt_part.ts";
export { TOML_READER } from "./fleet/toml_part.ts";
