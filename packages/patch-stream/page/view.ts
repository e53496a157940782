/**
 * A page that shows what was kept of a video: one self-contained HTML file.
 *
 * @module
 */
import type { Tensor } from "@vcs/transport/tensor";
import type { PatchStreamResult } from "../session.ts";
import { SCRIPT, STYLE } from "./view_assets.ts";

/** What the page shows beside the result. */
export interface ViewOptions {
  /** Name of the video, as people know it. */
  readonly title: string;
  /** How energy was measured and patches chosen, as text for people. */
  readonly settings: string;
  /** A JPEG image of each position in the sequence. */
  readonly images: readonly Uint8Array[];
}

/** What the script in the page reads. */
interface ViewData {
  readonly gridW: number;
  readonly gridH: number;
  /** Width of a frame divided by its height. */
  readonly aspect: number;
  readonly duration: number;
  readonly fullEnergy: number;
  readonly frames: readonly ViewFrame[];
}

interface ViewFrame {
  readonly id: number;
  readonly pts: number;
  readonly key: boolean;
  readonly kept: readonly number[];
  readonly scores: readonly number[];
  readonly url: string;
}

/** Makes the page. */
export function viewPage(result: PatchStreamResult, options: ViewOptions): string {
  const data = viewData(result, options.images);
  const title = escapeHtml(options.title);
  // A script ends at "</" whatever its type, so that character may not stand in the data.
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · patch-stream</title>
<style>${STYLE}</style>
<body>
<header>
  <div>
    <p class="eyebrow">patch-stream</p>
    <h1>${title}</h1>
    <p class="settings">${escapeHtml(options.settings)}</p>
  </div>
  <dl>${
    facts(result).map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")
  }</dl>
</header>
<main>
  <section class="stage" aria-label="Selected frame">
    <div class="frame"><canvas id="large" tabindex="0"></canvas><output id="probe"></output></div>
    <div class="bar">
      <button id="play" type="button" aria-label="Play">▶</button>
      <p id="caption"></p>
      <div class="modes" role="radiogroup" aria-label="What frames show">
        <label><input type="radio" name="mode" value="kept" checked><span>Kept</span></label>
        <label><input type="radio" name="mode" value="energy"><span>Energy</span></label>
        <label><input type="radio" name="mode" value="frame"><span>Frame</span></label>
      </div>
    </div>
  </section>
  <section class="time" aria-label="Patches kept over time">
    <div class="legend"><span><i class="swatch kept"></i>patches kept</span><span><i class="swatch key"></i>key frame</span><span><i class="line"></i>mean energy</span></div>
    <svg id="axis"></svg>
  </section>
  <section id="frames" class="frames" aria-label="All sampled frames"></section>
</main>
<script id="data" type="application/json">${json}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function facts(result: PatchStreamResult): [name: string, value: string][] {
  const { scores, scoreMap, width, height, fps, durationSec, grid, sampledFrameIds } = result;
  const kept = scores.data.length;
  const all = scoreMap.data.length;
  const share = all === 0 ? 0 : 100 * kept / all;
  return [
    ["kept", `${kept.toLocaleString("en")} of ${all.toLocaleString("en")} (${share.toFixed(0)} %)`],
    ["frames", `${sampledFrameIds.length}`],
    ["grid", `${grid.gridW} × ${grid.gridH} of ${grid.patchSize} px`],
    ["video", `${width} × ${height}, ${fps.toFixed(2)} fps, ${durationSec.toFixed(2)} s`],
  ];
}

function viewData(result: PatchStreamResult, images: readonly Uint8Array[]): ViewData {
  const { grid, fields, sampledFrameIds, pts, isKey, scoreMap } = result;
  const perFrame = grid.gridW * grid.gridH;
  const kept = keptCells(fields, sampledFrameIds.length, perFrame);
  return {
    gridW: grid.gridW,
    gridH: grid.gridH,
    aspect: result.width / result.height,
    duration: result.durationSec,
    fullEnergy: grid.patchSize ** 2,
    frames: sampledFrameIds.map((id, t) => ({
      id,
      pts: pts[t]!,
      key: isKey[t]!,
      kept: kept[t]!,
      scores: Array.from(
        scoreMap.data.subarray(t * perFrame, (t + 1) * perFrame),
        (score) => Math.round(score * 10) / 10,
      ),
      url: `data:image/jpeg;base64,${images[t]!.toBase64()}`,
    })),
  };
}

/** The kept cells of each frame. */
function keptCells(fields: Tensor<"I64">, frames: number, perFrame: number): number[][] {
  const cells: number[][] = Array.from({ length: frames }, () => []);
  for (let at = 0; at < fields.data.length; at += 6) {
    cells[Number(fields.data[at])]!.push(Number(fields.data[at + 3]) % perFrame);
  }
  return cells;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
