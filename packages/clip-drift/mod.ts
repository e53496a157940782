/**
 * Watches MJPEG cameras, embeds every frame with CLIP (or with GIST, which needs no weights), and
 * tracks, shows and logs how the scene changes.
 *
 * Run it: `deno run -A jsr:@vcs/clip-drift --stream http://192.168.1.100:8000/stream.mjpg`
 *
 * @example Drift over a stream of embeddings
 * ```ts
 * import { AlertRules, DriftTracker, parseRule } from "@vcs/clip-drift";
 * import assert from "node:assert/strict";
 *
 * const tracker = new DriftTracker();
 * const rules = new AlertRules([parseRule("cut: drift > 0.2")]);
 * const embeddings = [[1, 0], [0.99, 0.1], [0, 1]].map((x) => Float32Array.from(x));
 * const alerts = embeddings.flatMap((e, time) => rules.push(tracker.push(e, time), time));
 * assert.deepEqual(alerts.map((alert) => alert.time), [2]);
 * ```
 *
 * @module
 */
export {
  type Point,
  type Polygon,
  type Regions,
  watch,
  type WatchedFrame,
  type WatchOptions,
} from "./watch.ts";
export { type Encoder, type EncoderInfo, type EncoderOptions, openEncoder } from "./encoder.ts";
export {
  cosine,
  type DriftOptions,
  type DriftRow,
  DriftTracker,
  type FrameLook,
  type FrameRow,
  type Metric,
  METRICS,
  type PictureRow,
  type SimilarityStats,
} from "./drift.ts";
export { type Alert, type AlertRule, AlertRules, parseRule } from "./alerts.ts";
export {
  fileFrame,
  openSource,
  type Source,
  type SourceFrame,
  type SourceOptions,
} from "./source.ts";
export { ClipDriftError, type ClipDriftErrorCode } from "./errors.ts";
export {
  type CameraEvent,
  type CameraFrame,
  cameraFrames,
  type CameraOptions,
} from "./camera/camera.ts";
export type { CertificateTrust } from "./camera/socket.ts";
export {
  type CameraServer,
  type CameraServerOptions,
  serveCamera,
} from "./camera/camera_server.ts";
export { Labels, type LabelScore, openLabels } from "./clip/labels.ts";
export { CLIP_MODELS, clipCatalog, type ClipModel } from "./clip/models.ts";
export { ENCODER_MODELS, type EncoderModel } from "./vit/models.ts";
export type { Scoring } from "./vit/registry.ts";
export type { TowerConfig, VisionConfig } from "./clip/weights.ts";
export type { RgbImage } from "./clip/preprocess.ts";
export {
  type DriftRecord,
  listRuns,
  loadRunEmbeddings,
  readRun,
  readRunEmbeddings,
  type Run,
  type RunEmbeddings,
} from "./runs/reader.ts";
export type { Activation, Precision, WeightForm } from "./clip/graph.ts";

if (import.meta.main) {
  const [{ runCommand }, { clipDrift }] = await Promise.all([
    import("@vcs/transport/internal"),
    import("./command/command.ts"),
  ]);
  await runCommand(clipDrift);
}
