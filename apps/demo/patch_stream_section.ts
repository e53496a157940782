/**
 * The page's section about `@vcs/patch-stream`.
 *
 * @module
 */
import {
  escapeHtml,
  fact,
  figure,
  link,
  milliseconds,
  number,
  panel,
  percent,
  section,
} from "./html.ts";
import type { PatchStreamRun, SampledFrame } from "./patch_stream.ts";
import { plot } from "./plot.ts";

type Grid = PatchStreamRun["grid"];

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Squares of the grid as a path. */
function cells(places: readonly number[], { columns }: Grid): string {
  return places.map((place) => `M${place % columns} ${Math.floor(place / columns)}h1v1h-1z`).join(
    "",
  );
}

/** Darkens what was not kept, and frames what was. */
function overlay(frame: SampledFrame, grid: Grid): string {
  const kept = new Set(frame.kept);
  const all = Array.from({ length: grid.columns * grid.rows }, (_, place) => place);
  const rest = cells(all.filter((place) => !kept.has(place)), grid);
  return `<svg class="overlay" viewBox="0 0 ${grid.columns} ${grid.rows}" ` +
    `preserveAspectRatio="none" aria-hidden="true"><path class="rest" d="${rest}"/>` +
    `<path class="kept" d="${cells(frame.kept, grid)}"/></svg>`;
}

function keptText(frame: SampledFrame, { columns, rows }: Grid): string {
  return `${frame.pts.toFixed(2)} s: ${frame.kept.length} of ${columns * rows} patches kept`;
}

function strip({ frames, grid }: PatchStreamRun, chosen: number): string {
  const images = frames.map((frame, place) =>
    `<label class="thumb"><input type="radio" name="sample" value="${place}"${
      place === chosen ? " checked" : ""
    } aria-label="Sample ${place + 1} at ${keptText(frame, grid)}"><span class="image">` +
    `<img src="${escapeHtml(frame.image)}" alt="" width="640" height="360">${
      overlay(frame, grid)
    }</span></label>`
  );
  return `<div class="strip" role="radiogroup" aria-label="Sampled frames">${
    images.join("")
  }</div>`;
}

const MODES = [["kept", "Kept"], ["energy", "Energy"], ["frame", "Frame"]] as const;

function stage({ frames, grid }: PatchStreamRun, chosen: number): string {
  const frame = frames[chosen]!;
  const modes = MODES.map(([value, text], n) =>
    `<label><input type="radio" name="mode" value="${value}"${
      n === 0 ? " checked" : ""
    }><span>${text}</span></label>`
  );
  return `<div class="stage" id="stage"><div class="image" data-mode="kept">
<img src="${
    escapeHtml(frame.image)
  }" alt="A frame of the film: dusk over hills, a balloon, a train and birds. The patches that were kept lie over the things that move." width="640" height="360">${
    overlay(frame, grid)
  }</div>
<div class="stage-bar"><output>${keptText(frame, grid)}</output>
<div class="modes" role="radiogroup" aria-label="What the frame shows">${
    modes.join("")
  }</div></div></div>`;
}

/** Energy that the kept patches of a frame carry. */
const keptEnergy = (frame: SampledFrame) => sum(frame.kept.map((place) => frame.energy[place]!));

/** The plot's axis, a little longer than the film so that no bar is cut. */
function energyAxis({ frames, duration }: PatchStreamRun) {
  const half = duration / frames.length * 0.32;
  return { half, left: -1.6 * half, right: duration + 0.6 * half };
}

function energyPlot(run: PatchStreamRun): string {
  const { frames, duration, energyShare } = run;
  const totals = frames.map(({ energy }) => sum(energy));
  const most = Math.max(...totals);
  const { half, left, right } = energyAxis(run);
  return plot({
    id: "energy",
    label:
      `Energy of each sampled frame over ${duration.toFixed(1)} seconds. It rises from nothing ` +
      `while a train and birds come in, and kept patches carry ${percent(energyShare)} of it.`,
    x: [left, right],
    y: [0, most * 1.12],
    xTicks: Array.from({ length: Math.floor(duration) + 1 }, (_, s) => [s, `${s} s`]),
    yTicks: [[most, "most"], [0, "0"]],
    draw: (scale) =>
      frames.map((frame, n) => {
        const [start, end, kept] = [frame.pts - half, frame.pts + half, keptEnergy(frame)];
        return scale.box(start, end, 0, kept, "kept") +
          scale.box(start, end, kept, totals[n]!, "rest");
      }).join(""),
  });
}

/** What the script needs of each frame. */
function scriptData(run: PatchStreamRun): string {
  const { frames, grid } = run;
  const { left, right } = energyAxis(run);
  const data = frames.map((frame) => ({
    image: frame.image,
    pts: frame.pts,
    text: keptText(frame, grid),
    energy: frame.energy.map(Math.round),
  }));
  const json = JSON.stringify({ ...grid, axis: { left, right }, frames: data }).replaceAll(
    "<",
    "\\u003c",
  );
  return `<script type="application/json" id="samples">${json}</script>`;
}

function factsOf(
  { kept, patches, energyShare, milliseconds: time, tensor, bytes }: PatchStreamRun,
) {
  const all = figure("patchStream.patches", patches, number(patches));
  return [
    ["patches kept", `${figure("patchStream.kept", kept, number(kept))} of ${all}`],
    fact("energy they carry", "patchStream.energyShare", energyShare, percent(energyShare, 1)),
    fact("time", "patchStream.milliseconds", time, milliseconds(time)),
    ["tensor", `${tensor.dtype} [${tensor.shape.join(", ")}]`],
    fact("file", "patchStream.bytes", bytes, `${number(bytes)} bytes`),
  ] as const;
}

/** The film's patches. */
export function patchStreamSection(run: PatchStreamRun): string {
  const { frames } = run;
  const energies = frames.map(({ energy }) => sum(energy));
  const busiest = energies.indexOf(Math.max(...energies));
  return section({
    name: "patch-stream",
    title: "What moves is kept",
    text:
      `A film is sampled at ${frames.length} frames, and of their patches only those that carry ` +
      "the energy go on to a model: the first frame as a whole, and then what changes.",
    facts: factsOf(run),
    command: "patch-stream clip.mp4 --k-keep 640 --key-frames first --view",
    links: [
      link("patch-stream/clip.html", "Every patch, larger"),
      link("patch-stream/clip.safetensors", "Patches as safetensors"),
    ],
    body: stage(run, busiest) + strip(run, busiest) +
      panel("Energy over time", energyPlot(run), [
        ["kept", "in kept patches"],
        ["rest", "in the others"],
      ]) + scriptData(run),
  });
}
