/**
 * The page's section about `@vcs/clip-drift`.
 *
 * @module
 */
import type { ClipDriftRun, DriftFrame } from "./clip_drift.ts";
import { escapeHtml, fact, figure, link, milliseconds, number, panel, section } from "./html.ts";
import { plot } from "./plot.ts";

/** A slider over the plot that shows each frame; the script fills it. */
function peek({ frames, seconds }: ClipDriftRun): string {
  const data = frames.map(({ image, index, time, drift }) => ({
    image,
    time,
    text: `${time.toFixed(2)} s, frame ${index}, drift ${drift.toFixed(4)}`,
  }));
  const json = JSON.stringify({ seconds, frames: data }).replaceAll("<", "\\u003c");
  const first = escapeHtml(frames[0]!.image);
  return `<figure class="peek" hidden><img src="${first}" alt="The frame that the slider is at" width="480" height="360"><figcaption></figcaption></figure>
<input type="range" min="0" max="${frames.length - 1}" value="0" aria-label="Frame to look at">
<script type="application/json" id="watched">${json}</script>`;
}

function driftPlot(run: ClipDriftRun): string {
  const { frames, alert, seconds } = run;
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
    mark: [at, `alert after ${milliseconds(alert.delay)}`],
    over: peek(run),
    draw: (scale) =>
      scale.level(alert.threshold, "threshold") + scale.upright(at, "alert") +
      scale.line(frames.map(({ time, drift }) => [time, drift]), "own"),
  });
}

function images({ frames, alert }: ClipDriftRun): string {
  const one = ({ image, index, drift, time }: DriftFrame, text: string, alt: string) =>
    `<figure${text === "Alert" ? ' class="alerted"' : ""}><img src="${
      escapeHtml(image)
    }" width="480" height="360" alt="${alt}"><figcaption><b>${text}</b> ${
      time.toFixed(2)
    } s, frame ${index}, drift ${drift.toFixed(4)}</figcaption></figure>`;
  return `<div class="pair still">${
    one(frames[alert.place - 1]!, "Before", "A quay: water, a ship, a paved floor")
  }${one(frames[alert.place]!, "Alert", "A hall: pillars, a floor, a person walking")}</div>`;
}

function factsOf({ alert, frames, usual, cameraFps, model }: ClipDriftRun) {
  const { delay, value } = alert;
  return [
    fact("webhook called after", "clipDrift.alert.delay", delay, milliseconds(delay)),
    fact("drift at the cut", "clipDrift.alert.value", value, number(value, 2)),
    fact("usual drift", "clipDrift.usual", usual, number(usual, 4)),
    ["frames", `${number(frames.length)}, ${cameraFps} a second`],
    ["encoder", escapeHtml(model)],
  ] as const;
}

/** The watched camera. */
export function clipDriftSection(run: ClipDriftRun): string {
  const { threshold } = run.alert;
  const limit = figure("clipDrift.alert.threshold", threshold, number(threshold, 2));
  return section({
    name: "clip-drift",
    title: "One cut, one alert",
    text: "A simulated camera is watched by way of each frame's embedding: what moves stays " +
      "quiet, and when the scene changes one alert goes to a webhook.",
    facts: factsOf(run),
    command:
      `clip-drift --stream http://camera/stream.mjpg --model ${run.model} --webhook http://…`,
    links: [link(run.csv, "Every frame's drift, as CSV")],
    body: images(run) +
      panel("Drift over time", driftPlot(run), [
        ["own", "each frame against the one before"],
        ["threshold", `alert above ${limit}`],
      ]),
  });
}
