/**
 * The demo's step for `@vcs/clip-drift`: a made-up camera with one cut, watched by the command.
 *
 * @module
 */
import { serveCamera } from "@vcs/clip-drift/camera_server";
import { type DriftRecord, listRuns, readRun, type Run } from "@vcs/clip-drift/runs";
import { scenePictures } from "@vcs/clip-drift/scene";
import { say } from "@vcs/transport/cli";
import { join } from "node:path";
import { type DemoStep, outputOf, startCommand } from "./step.ts";

const CAMERA = { fps: 12, cut: 4, width: 320, height: 240 };
/** The camera would cut again after this. */
const LONGEST_MS = 15_000;

/** The newest run of a folder, where there is one. */
async function newestRun(runs: string): Promise<Run | undefined> {
  const [name] = await listRuns(runs);
  return name === undefined ? undefined : await readRun(join(runs, name));
}

/** Waits for an alert and a second of frames after it. */
async function untilAlert(runs: string): Promise<void> {
  const end = performance.now() + LONGEST_MS;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const events = (await newestRun(runs))?.events as { type: string }[] | undefined;
    if (events?.some(({ type }) => type === "alert")) break;
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

/** Runs the command on the camera and ends it as Ctrl-C does. */
async function watchCamera(url: string, runs: string): Promise<void> {
  const args = ["--stream", url, "--model", "gist", "--no-display", "--runs", runs];
  const command = startCommand("clip-drift", args);
  await untilAlert(runs);
  command.kill("SIGINT");
  say((await outputOf("clip-drift", command)).trimEnd());
}

/** Drift over time as a line. */
function plot(records: readonly DriftRecord[]): string {
  const start = records[0]?.timestamp ?? 0;
  const span = Math.max((records.at(-1)?.timestamp ?? 0) - start, 0.1);
  const most = Math.max(0.1, ...records.map(({ drift }) => drift));
  const points = records.map(({ timestamp, drift }) =>
    `${(800 * (timestamp - start) / span).toFixed(1)},${(190 - 180 * drift / most).toFixed(1)}`
  );
  return `<svg viewBox="0 0 800 200" role="img" aria-label="Drift over ${span.toFixed(1)} seconds">
<polyline points="${points.join(" ")}" fill="none" stroke="currentColor" stroke-width="2"/></svg>`;
}

function report(run: Run): string {
  const pictures = run.snapshots.map((name) =>
    `<figure><img src="${run.name}/snapshots/${name}" alt=""><figcaption>${name}</figcaption></figure>`
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>clip-drift: one cut</title>
<style>:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 860px; margin: auto; padding: 32px 16px; } svg { width: 100%; color: #0f9d86; }
figure { display: inline-block; margin: 0 12px 12px 0; } img { max-width: 100%; border-radius: 8px; }</style>
<h1>One cut</h1>
<p>Drift of ${run.drift.length} frames: flat while things move, one peak where the scene changes.</p>
${plot(run.drift)}
${pictures.join("\n")}
</html>
`;
}

/** Watches a camera whose scene changes once. */
export const clipDriftStep: DemoStep = {
  name: "clip-drift",
  summary: "A camera made of software, watched until its scene changes: one alert, at the cut.",
  async run(folder) {
    const runs = join(folder, "clip-drift");
    await using camera = serveCamera({ picture: scenePictures(CAMERA), fps: CAMERA.fps });
    await watchCamera(camera.url, runs);
    const run = await newestRun(runs);
    if (run === undefined) throw new Error("Cannot go on with the demo: clip-drift left no run");
    await Deno.writeTextFile(join(runs, "report.html"), report(run));
    return [
      { href: "clip-drift/report.html", label: "Drift over time, and the pictures at the cut" },
      { href: `clip-drift/${run.name}/drift.csv`, label: "Every frame's drift, as CSV" },
    ];
  },
};
