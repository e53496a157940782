/**
 * Style and script of the page that {@link "./view.ts"} makes. The script has no dependencies and
 * reads the JSON that lies in the page.
 *
 * @module
 */

/** Style of the page. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#f6f5f2, #101114);
  --panel: light-dark(#ffffff, #191b20);
  --edge: light-dark(#e2dfd8, #2a2d35);
  --ink: light-dark(#1b1c1f, #eceef2);
  --soft: light-dark(#6a6c72, #969ba6);
  --kept: light-dark(#0f7d6c, #3fd6ba);
  --key: light-dark(#c2571a, #ffa657);
  --energy: light-dark(#6450c8, #a99bff);
  font: 15px/1.45 system-ui, sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); }
header, main { max-width: 1200px; margin: auto; padding: 28px 24px 0; }
header { display: flex; flex-wrap: wrap; gap: 16px 48px; justify-content: space-between; align-items: end; }
h1 { margin: 0; font-size: 26px; line-height: 1.2; letter-spacing: -.01em; overflow-wrap: anywhere; }
p { margin: 0; }
.eyebrow { color: var(--kept); font-weight: 600; font-size: 13px; }
.settings { color: var(--soft); margin-top: 4px; }
dl { display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 0; }
dt { color: var(--soft); font-size: 12px; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
main { padding-bottom: 56px; }
section { background: var(--panel); border: 1px solid var(--edge); border-radius: 14px; margin-bottom: 18px; overflow: hidden; }
.frame { position: relative; background: #000; display: flex; justify-content: center; }
#large { display: block; width: min(100%, calc(68vh * var(--aspect))); outline: none; }
#probe { position: absolute; left: 12px; bottom: 12px; padding: 3px 9px; border-radius: 7px; background: rgb(0 0 0 / .72); color: #fff; font-size: 13px; font-variant-numeric: tabular-nums; pointer-events: none; }
#probe:empty { display: none; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 14px; padding: 12px 16px; }
.bar p { flex: 1; min-width: 180px; font-variant-numeric: tabular-nums; }
.bar b, figcaption b { font-weight: 600; }
button { width: 36px; height: 36px; border: 1px solid var(--edge); border-radius: 50%; background: none; color: inherit; font-size: 13px; cursor: pointer; }
.modes { display: flex; border: 1px solid var(--edge); border-radius: 9px; overflow: hidden; }
.modes input { position: absolute; opacity: 0; }
.modes span { display: block; padding: 6px 14px; cursor: pointer; color: var(--soft); }
.modes input:checked + span { background: var(--ink); color: var(--panel); }
.modes input:focus-visible + span { outline: 2px solid var(--kept); outline-offset: -4px; }
.time { padding: 14px 16px 10px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: 13px; }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
.swatch.kept { background: var(--kept); }
.swatch.key { background: var(--key); }
.line { display: inline-block; width: 16px; height: 2px; margin: 0 6px 4px 0; background: var(--energy); }
#axis { display: block; width: 100%; height: 150px; }
#axis text { fill: var(--soft); stroke: var(--panel); stroke-width: 4; paint-order: stroke; font-size: 12px; font-variant-numeric: tabular-nums; }
#axis .tick { stroke: var(--edge); }
#axis .mark { cursor: pointer; }
#axis rect.kept { fill: var(--kept); }
#axis .keyframe rect.kept { fill: var(--key); }
#axis rect.hit { fill: transparent; }
#axis .mark:not(.chosen) rect.kept { opacity: .5; }
#axis .mark:hover rect.kept { opacity: .85; }
#axis polyline { fill: none; stroke: var(--energy); stroke-width: 1.8; stroke-linejoin: round; pointer-events: none; }
.frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(232px, 1fr)); gap: 14px; padding: 0; background: none; border: 0; border-radius: 0; overflow: visible; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--edge); border-radius: 11px; overflow: hidden; cursor: pointer; }
figure.chosen { border-color: var(--ink); box-shadow: 0 0 0 1px var(--ink); }
figure canvas { display: block; width: 100%; background: #000; }
figcaption { display: flex; align-items: baseline; gap: 8px; padding: 8px 12px; font-size: 13px; font-variant-numeric: tabular-nums; color: var(--soft); }
figcaption b { color: var(--ink); margin-left: auto; }
.badge { color: var(--key); font-weight: 600; }
@media (max-width: 560px) {
  header, main { padding: 18px 14px 0; }
  h1 { font-size: 21px; }
  dl { display: grid; grid-template-columns: 1fr 1fr; width: 100%; }
  .modes { width: 100%; }
  .modes label { flex: 1; text-align: center; }
  .frames { grid-template-columns: 1fr 1fr; gap: 10px; }
  figcaption { flex-wrap: wrap; gap: 0 8px; padding: 7px 9px; }
}
`;

/** Script of the page. */
export const SCRIPT = `
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const { frames, gridW, gridH } = data;
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const state = { chosen: 0, mode: "kept", timer: 0 };

// Inferno-like colours, from nothing to full energy.
const RAMP = [[0, 0, 4], [51, 13, 97], [136, 34, 106], [205, 64, 71], [246, 125, 21], [250, 201, 59], [252, 255, 164]];
const peak = Math.max(1e-6, ...frames.flatMap((frame) => frame.scores));
function heat(score) {
  const place = Math.min(1, score / peak) * (RAMP.length - 1);
  const low = Math.min(RAMP.length - 2, Math.floor(place)), part = place - low;
  return RAMP[low].map((value, c) => Math.round(value + part * (RAMP[low + 1][c] - value)));
}

const mean = (frame) => frame.scores.reduce((a, b) => a + b, 0) / frame.scores.length;
const seconds = (t) => t.toFixed(2) + " s";

function cells(context, width, height, paint) {
  for (let cell = 0; cell < gridW * gridH; cell++) {
    const fill = paint(cell);
    if (!fill) continue;
    const x = cell % gridW, y = Math.floor(cell / gridW);
    const left = Math.round(x * width / gridW), top = Math.round(y * height / gridH);
    context.fillStyle = fill;
    context.fillRect(left, top, Math.round((x + 1) * width / gridW) - left, Math.round((y + 1) * height / gridH) - top);
  }
}

function draw(canvas, frame) {
  const width = canvas.width, height = canvas.height;
  const context = canvas.getContext("2d");
  context.drawImage(frame.image, 0, 0, width, height);
  if (state.mode === "kept") {
    const kept = new Set(frame.kept);
    cells(context, width, height, (cell) => kept.has(cell) ? "" : "rgb(8 9 12 / .8)");
  } else if (state.mode === "energy") {
    cells(context, width, height, (cell) => "rgb(" + heat(frame.scores[cell]).join(" ") + " / .78)");
  }
}

function size(canvas, width) {
  canvas.width = Math.round(width);
  canvas.height = Math.round(width / data.aspect);
}

function describe(frame, place) {
  const caption = $("caption");
  caption.replaceChildren();
  const strong = document.createElement("b");
  strong.textContent = frame.kept.length + " of " + gridW * gridH + " patches";
  caption.append(strong, " · " + seconds(frame.pts) + " · frame " + frame.id + " · sample " + (place + 1) + " of " + frames.length);
  if (frame.key) {
    const badge = document.createElement("span");
    badge.className = "badge";
    badge.textContent = " key frame";
    caption.append(badge);
  }
}

function show() {
  const frame = frames[state.chosen];
  draw($("large"), frame);
  describe(frame, state.chosen);
  frames.forEach((other, place) => {
    other.figure.classList.toggle("chosen", place === state.chosen);
    other.mark.classList.toggle("chosen", place === state.chosen);
  });
}

function choose(place) {
  state.chosen = (place + frames.length) % frames.length;
  show();
}

function redraw() {
  for (const frame of frames) draw(frame.canvas, frame);
  show();
}

function makeFigure(frame, place) {
  const figure = document.createElement("figure");
  const canvas = document.createElement("canvas");
  const caption = document.createElement("figcaption");
  const time = document.createElement("span");
  const kept = document.createElement("b");
  time.textContent = seconds(frame.pts);
  kept.textContent = frame.kept.length;
  caption.append(time);
  if (frame.key) {
    const badge = document.createElement("span");
    badge.className = "badge";
    badge.textContent = "key";
    caption.append(badge);
  }
  caption.append(kept);
  figure.append(canvas, caption);
  figure.onclick = () => {
    choose(place);
    document.querySelector(".stage").scrollIntoView({ behavior: "smooth", block: "nearest" });
  };
  size(canvas, 480);
  $("frames").append(figure);
  Object.assign(frame, { figure, canvas });
}

function element(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

function niceStep(span, most) {
  const raw = span / most, power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= raw);
}

function drawAxis() {
  const axis = $("axis");
  axis.replaceChildren();
  const width = axis.clientWidth, height = axis.clientHeight, base = height - 24, top = 22;
  const first = frames[0].pts, span = Math.max(frames.at(-1).pts - first, 1e-3);
  const thick = Math.max(3, Math.min(26, 0.7 * width / frames.length));
  const pad = thick / 2 + 2;
  const x = (pts) => pad + (pts - first) / span * (width - 2 * pad);
  const most = Math.max(1, ...frames.map((frame) => frame.kept.length));
  const step = niceStep(span, width / 90);
  for (let t = Math.ceil(first / step) * step; t <= first + span + 1e-9; t += step) {
    element("line", { class: "tick", x1: x(t), x2: x(t), y1: top, y2: base + 5 }, axis);
    const label = element("text", { x: x(t), y: height - 4, "text-anchor": x(t) < 20 ? "start" : x(t) > width - 20 ? "end" : "middle" }, axis);
    label.textContent = +t.toFixed(3) + " s";
  }
  const means = frames.map(mean), highest = Math.max(1e-6, ...means);
  element("polyline", {
    points: frames.map((frame, place) => x(frame.pts) + "," + (base - (base - top) * 0.92 * means[place] / highest)).join(" "),
  }, axis);
  frames.forEach((frame, place) => {
    const mark = element("g", { class: "mark" + (frame.key ? " keyframe" : "") }, axis);
    const tall = (base - top) * frame.kept.length / most;
    const left = x(frame.pts) - thick / 2;
    element("rect", { class: "kept", x: left, y: base - tall, width: thick, height: Math.max(tall, 1), rx: Math.min(4, thick / 3) }, mark);
    element("rect", { class: "hit", x: left - 2, y: 0, width: thick + 4, height: base }, mark);
    if (thick >= 18 && width / frames.length > 26) {
      element("text", { x: x(frame.pts), y: base - tall - 6, "text-anchor": "middle" }, mark).textContent = frame.kept.length;
    }
    element("title", {}, mark).textContent = seconds(frame.pts) + ": " + frame.kept.length + " patches";
    mark.onclick = () => choose(place);
    frame.mark = mark;
  });
}

function probe(event) {
  const box = $("large").getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left) / box.width * gridW);
  const y = Math.floor((event.clientY - box.top) / box.height * gridH);
  if (x < 0 || y < 0 || x >= gridW || y >= gridH) return;
  const frame = frames[state.chosen], cell = y * gridW + x;
  $("probe").textContent = "row " + y + ", column " + x + " · energy " + frame.scores[cell] + " of " + data.fullEnergy + (frame.kept.includes(cell) ? " · kept" : "");
}

function play() {
  const playing = state.timer !== 0;
  clearInterval(state.timer);
  state.timer = playing ? 0 : setInterval(() => choose(state.chosen + 1), 400);
  $("play").textContent = playing ? "▶" : "❚❚";
  $("play").setAttribute("aria-label", playing ? "Play" : "Pause");
}

async function start() {
  if (frames.length === 0) return;
  document.documentElement.style.setProperty("--aspect", data.aspect);
  frames.forEach(makeFigure);
  drawAxis();
  await Promise.all(frames.map(async (frame) => {
    frame.image = new Image();
    frame.image.src = frame.url;
    await frame.image.decode();
  }));
  size($("large"), Math.max(frames[0].image.naturalWidth, 960));
  const interest = (frame) => frame.kept.length - (frame.key ? gridW * gridH : 0);
  state.chosen = frames.reduce((best, frame, place) => interest(frame) > interest(frames[best]) ? place : best, 0);
  redraw();
  document.body.dataset.ready = "true";
}

for (const input of document.querySelectorAll("[name=mode]")) {
  input.onchange = () => { state.mode = input.value; redraw(); };
}
$("play").onclick = play;
$("large").onpointermove = probe;
$("large").onpointerleave = () => { $("probe").textContent = ""; };
addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") choose(state.chosen + 1);
  if (event.key === "ArrowLeft") choose(state.chosen - 1);
});
addEventListener("resize", () => { drawAxis(); show(); });
start();
`;
