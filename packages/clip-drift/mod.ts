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
import { runMain } from "@vcs/transport/internal";

export * from "./alerts.ts";
export * from "./camera.ts";
export * from "./camera_server.ts";
export * from "./dashboard.ts";
export * from "./drift.ts";
export * from "./encoder.ts";
export * from "./errors.ts";
export * from "./hub.ts";
export * from "./labels.ts";
export * from "./monitor.ts";
export * from "./newest.ts";
export * from "./preprocess.ts";
export * from "./run_folder.ts";
export * from "./runs.ts";
export * from "./source.ts";
export * from "./watch.ts";

if (import.meta.main) {
  const { main } = await import("./cli.ts");
  await runMain("clip-drift", main);
}
