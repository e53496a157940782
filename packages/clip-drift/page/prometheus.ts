/**
 * The state of the cameras as Prometheus reads it (text exposition format 0.0.4).
 *
 * @module
 */
import { METRICS } from "../drift.ts";
import type { CameraView, Hub } from "./hub.ts";

type Family = readonly [
  name: string,
  type: "gauge" | "counter",
  help: string,
  value: (view: CameraView) => number | undefined,
];

const age = ({ lastFrame }: CameraView) =>
  lastFrame === undefined ? undefined : Math.max(0, Date.now() / 1000 - lastFrame);

const FAMILIES: readonly Family[] = [
  ["up", "gauge", "Whether the camera delivers frames", (v) => Number(v.status === "live")],
  ["frames_total", "counter", "Frames watched", (v) => v.index + 1],
  ["fps", "gauge", "Frames per second", (v) => v.fps],
  ["similarity", "gauge", "Cosine with the frame before", (v) => v.similarity],
  ["dropped_frames_total", "counter", "Frames dropped for later ones", (v) => v.dropped],
  ["reconnects_total", "counter", "How often the camera came back", (v) => v.reconnects],
  ["broken_frames_total", "counter", "Frames cut off or not decoded", (v) => v.broken],
  ["lost_total", "counter", "How often the connection was lost", (v) => v.lost],
  ["last_frame_age_seconds", "gauge", "Seconds since the latest frame", age],
  ["alerts_total", "counter", "Alerts raised", (v) => v.alertCount],
  ["delivered_total", "counter", "Alerts that a target took", (v) => v.delivered],
  [
    "delivery_failures_total",
    "counter",
    "Failed attempts at a delivery",
    (v) => v.deliveryFailures,
  ],
  ["undelivered", "gauge", "Alerts that wait for a target", (v) => v.undelivered],
];

/** One family for each measure; a measure without a value has no line. */
const MEASURES = METRICS.map((name): Family => [
  name,
  "gauge",
  `Latest value of the measure ${name}`,
  (view) => view.measures[name],
]);

function escaped(label: string): string {
  return label.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}

/** All cameras, one line for each number. */
export function prometheus(hub: Hub): string {
  const lines = [...FAMILIES, ...MEASURES].flatMap(([name, type, help, value]) => [
    `# HELP clip_drift_${name} ${help}`,
    `# TYPE clip_drift_${name} ${type}`,
    ...hub.feeds.flatMap(({ view }) => {
      const labels = `camera="${escaped(view.name)}",id="${view.id}"`;
      const found = value(view);
      return found === undefined ? [] : [`clip_drift_${name}{${labels}} ${found}`];
    }),
  ]);
  return `${lines.join("\n")}\nclip_drift_viewers ${hub.viewers}\n`;
}
