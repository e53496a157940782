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
import { runCommand } from "@vcs/transport/internal";
export { watch, type WatchedFrame, type WatchOptions } from "./watch.ts";
export { Monitor, type MonitorOptions } from "./monitor.ts";
export {
  type Encoder,
  type EncoderInfo,
  type EncoderOptions,
  hasDefaultWeights,
  modelName,
  openEncoder,
} from "./encoder.ts";
export {
  cosine,
  type DriftOptions,
  type DriftRow,
  DriftTracker,
  type Metric,
  METRICS,
  type SimilarityStats,
  similarityStats,
} from "./drift.ts";
export { type Alert, type AlertRule, AlertRules, parseRule } from "./alerts.ts";
export {
  fileFrame,
  openSource,
  shortName,
  type Source,
  type SourceFrame,
  type SourceOptions,
} from "./source.ts";
export { ClipDriftError, type ClipDriftErrorCode } from "./errors.ts";
export {
  type CameraConnection,
  type CameraEvent,
  type CameraFrame,
  cameraFrames,
  type CameraOptions,
  openCamera,
} from "./camera/camera.ts";
export {
  type CameraServer,
  type CameraServerOptions,
  serveCamera,
} from "./camera/camera_server.ts";
export { newest, type NewestOptions } from "./camera/latest.ts";
export { type Dashboard, type DashboardOptions, serveDashboard } from "./page/dashboard.ts";
export {
  CameraFeed,
  type CameraNote,
  type CameraStatus,
  type CameraView,
  Hub,
  type HubMessage,
  type PlotPoint,
  type Viewer,
} from "./page/hub.ts";
export { Labels, type LabelScore, openLabels } from "./clip/labels.ts";
export {
  CLIP_MEAN,
  CLIP_STD,
  type CropBox,
  cropBox,
  pixelValues,
  resizeCrop,
  type RgbImage,
} from "./clip/preprocess.ts";
export {
  type RunConfig,
  RunFolder,
  type RunFolderOptions,
  type RunFrame,
  type RunTotals,
} from "./runs/writer.ts";
export {
  type DriftRecord,
  listRuns,
  loadRunEmbeddings,
  readRun,
  readRunOverview,
  type Run,
  type RunEmbeddings,
  type RunOverview,
} from "./runs/reader.ts";
export type { Activation } from "./clip/graph.ts";

if (import.meta.main) {
  const { clipDrift } = await import("./command/command.ts");
  await runCommand(clipDrift);
}
