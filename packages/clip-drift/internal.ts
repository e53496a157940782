/**
 * What the sibling packages and the benchmarks use of this package beyond its public API. Nothing here
 * is kept stable.
 *
 * @module
 */
export { drawScene, type Scene, type SceneOptions, scenePictures } from "./camera/scene.ts";
export {
  type ClipGraphOptions,
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
export { gistGraph } from "./measures/gist.ts";
