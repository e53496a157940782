/**
 * The page's section about `@vcs/clip-drift`.
 *
 * @module
 */
import type { ClipDriftRun, DriftFrame } from "./clip_drift.ts";
import { escapeHtml, figure, link, number, section } from "./html.ts";
import { plot } from "./plot.ts";

function driftPlot({ frames, alert, seconds }: ClipDriftRun): string {
  const most = Math.max(...frames.map(({ drift }) => drift), alert.threshold) * 1.2;
  const at = frames[alert.place]!.time;
  return plot({
    id: "drift",
    label: `Drift of ${frames.length} frames over ${seconds.toFixed(1)} seconds: near 0 all the ` +
      `time, and one peak of ${alert.value.toFixed(2)} at ${
        at.toFixed(1)
      } seconds, which raised the alert.`,
    x: [0, seconds],
    y: [-0.04 * most, most],
    xTicks: Array.from({ length: Math.floor(seconds) + 1 }, (_, s) => [s, `${s} s`]),
    yTicks: [[1, "1"], [0, "0"]],
    mark: [at, `alert after ${number(alert.delay)} ms`],
    draw: (scale) =>
      scale.level(alert.threshold, "threshold") + scale.upright(at, "alert") +
      scale.line(frames.map(({ time, drift }) => [time, drift]), "own"),
  });
}

function pictures({ frames, alert }: ClipDriftRun): string {
  const one = ({ picture, index, drift, time }: DriftFrame, text: string, alt: string) =>
    `<figure${text === "Alert" ? ' class="alerted"' : ""}><img src="${
      escapeHtml(picture)
    }" width="480" height="360" alt="${alt}"><figcaption><b>${text}</b> ${
      time.toFixed(2)
    } s, frame ${index}, drift ${drift.toFixed(4)}</figcaption></figure>`;
  return `<div class="pair still">${
    one(frames[alert.place - 1]!, "Before", "A quay: water, a ship, a paved floor")
  }${one(frames[alert.place]!, "Alert", "A hall: pillars, a floor, a person walking")}</div>`;
}

/** The watched camera. */
export function clipDriftSection(run: ClipDriftRun): string {
  const { alert, frames, usual, cameraFps, model, csv } = run;
  return section({
    name: "clip-drift",
    title: "One cut, one alert",
    text: "A simulated camera is watched by way of each picture's embedding: what moves stays " +
      "quiet, and when the scene changes one alert goes to a webhook.",
    facts: [
      [
        "webhook called after",
        figure("clipDrift.alert.delay", alert.delay, `${number(alert.delay)} ms`),
      ],
      ["drift at the cut", figure("clipDrift.alert.value", alert.value, number(alert.value, 2))],
      ["usual drift", figure("clipDrift.usual", usual, number(usual, 4))],
      ["frames", `${number(frames.length)}, ${cameraFps} a second`],
      ["encoder", escapeHtml(model)],
    ],
    command: `clip-drift --stream http://camera/stream.mjpg --model ${model} --webhook http://…`,
    links: [link(csv, "Every frame's drift, as CSV")],
    body: `${pictures(run)}
<figure class="panel"><figcaption><b>Drift over time</b><span class="key"><i class="own"></i>each frame against the one before</span><span class="key"><i class="threshold"></i>alert above ${
      figure("clipDrift.alert.threshold", alert.threshold, number(alert.threshold, 2))
    }</span></figcaption>
${driftPlot(run)}</figure>`,
  });
}
