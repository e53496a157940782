/**
 * The state of the cameras as Prometheus reads it (text exposition format 0.0.4).
 *
 * @module
 */
import type { CameraView, Hub } from "./hub.ts";

type Family = readonly [
  name: string,
  type: "gauge" | "counter",
  help: string,
  value: (view: CameraView) => number,
];

const FAMILIES: readonly Family[] = [
  ["up", "gauge", "Whether the camera delivers frames", (v) => Number(v.status === "live")],
  ["frames_total", "counter", "Frames watched", (v) => v.index + 1],
  ["fps", "gauge", "Frames per second", (v) => v.fps],
  ["similarity", "gauge", "Cosine with the frame before", (v) => v.similarity],
  ["drift", "gauge", "1 - similarity", (v) => v.drift],
  ["dropped_frames_total", "counter", "Frames dropped for later ones", (v) => v.dropped],
  ["reconnects_total", "counter", "How often the camera came back", (v) => v.reconnects],
  ["alerts_total", "counter", "Alerts raised", (v) => v.alertCount],
];

function escaped(label: string): string {
  return label.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}

/** All cameras, one line for each number. */
export function prometheus(hub: Hub): string {
  const lines = FAMILIES.flatMap(([name, type, help, value]) => [
    `# HELP clip_drift_${name} ${help}`,
    `# TYPE clip_drift_${name} ${type}`,
    ...hub.feeds.map(({ view }) =>
      `clip_drift_${name}{camera="${escaped(view.name)}",id="${view.id}"} ${value(view)}`
    ),
  ]);
  return `${lines.join("\n")}\nclip_drift_viewers ${hub.viewers}\n`;
}
