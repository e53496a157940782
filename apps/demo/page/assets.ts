// deno-fmt-ignore-file
/**
 * Files of the page. Written by `deno task assets` from
 * page.css, page.js: change those.
 *
 * @module
 */

/** Files by the path at which they are served. */
export const ASSETS: Readonly<Record<"/page.css" | "/page.js", string>> = {
  "/page.css": `:root {
  color-scheme: light dark;
  --paper: light-dark(#f7f6f3, #0f1012);
  --panel: light-dark(#ffffff, #17181c);
  --edge: light-dark(#e4e1da, #292b32);
  --faint: light-dark(#ebe8e1, #23252b);
  --ink: light-dark(#191a1d, #eceef1);
  --soft: light-dark(#63656b, #9a9ea8);
  --own: light-dark(#0f7d6c, #3fd6ba);
  --alert: light-dark(#c2410c, #ff9a5c);
  --violet: light-dark(#5b49c4, #a99bff);
  --sky: light-dark(#2f6fb0, #74b3f2);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  scroll-behavior: smooth;
}
* {
  box-sizing: border-box;
}
body {
  margin: 0;
  background: var(--paper);
  color: var(--ink);
  -webkit-font-smoothing: antialiased;
}
header,
main,
footer {
  max-width: 1200px;
  margin: auto;
  padding-inline: 32px;
}
h1,
h2,
p,
figure,
ul,
dl,
dd,
pre {
  margin: 0;
  padding: 0;
}
ul {
  list-style: none;
}
img,
video {
  display: block;
  width: 100%;
  height: auto;
}
a {
  color: var(--own);
  text-underline-offset: 3px;
  text-decoration-thickness: 1px;
}
:focus-visible {
  outline: 2px solid var(--own);
  outline-offset: 3px;
}
data,
output,
dd,
.plot,
figcaption,
.bars {
  font-variant-numeric: tabular-nums;
}
code,
pre {
  font: 13px/1.6 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}

/* The beginning */
header {
  padding-top: 88px;
}
.eyebrow {
  color: var(--own);
  font-size: 13px;
  font-weight: 600;
  letter-spacing: 0.01em;
}
h1 {
  margin: 10px 0 20px;
  max-width: 19ch;
  font-size: clamp(34px, 5.2vw, 58px);
  font-weight: 650;
  line-height: 1.06;
  letter-spacing: -0.028em;
  text-wrap: balance;
}
.lede {
  max-width: 58ch;
  font-size: clamp(17px, 1.6vw, 20px);
  line-height: 1.5;
  color: var(--soft);
  text-wrap: pretty;
}
.meta {
  display: flex;
  flex-wrap: wrap;
  gap: 4px 24px;
  margin: 28px 0 36px;
  font-size: 14px;
  color: var(--soft);
}
.cards {
  display: grid;
  grid-template-columns: repeat(4, 1fr);
  border: 1px solid var(--edge);
  border-radius: 16px;
  background: var(--panel);
  overflow: hidden;
}
.card {
  display: grid;
  align-content: start;
  gap: 2px;
  padding: 20px 22px 22px;
  color: inherit;
  text-decoration: none;
}
.card + .card {
  border-left: 1px solid var(--edge);
}
.card strong {
  font-size: 28px;
  font-weight: 600;
  line-height: 1.3;
  letter-spacing: -0.02em;
}
.card > span:last-child {
  font-size: 14px;
  line-height: 1.4;
  color: var(--soft);
}
.card:hover {
  background: var(--faint);
}
.card:focus-visible {
  outline-offset: -4px;
  border-radius: 14px;
}

/* A part */
section {
  display: grid;
  grid-template-columns: minmax(0, 300px) minmax(0, 1fr);
  gap: 32px 56px;
  padding: 96px 0 0;
}
.words {
  align-self: start;
  position: sticky;
  top: 32px;
}
h2 {
  margin: 6px 0 12px;
  font-size: 27px;
  font-weight: 640;
  line-height: 1.18;
  letter-spacing: -0.02em;
  text-wrap: balance;
}
.sentence {
  color: var(--soft);
  text-wrap: pretty;
}
.facts {
  margin: 24px 0;
  border-top: 1px solid var(--edge);
  font-size: 14px;
}
.facts div {
  display: flex;
  gap: 16px;
  justify-content: space-between;
  padding: 7px 0;
  border-bottom: 1px solid var(--edge);
}
.facts dt {
  color: var(--soft);
}
.facts dd {
  flex: none;
  max-width: 70%;
  text-align: right;
  font-weight: 550;
}
.command {
  padding: 12px 14px;
  border-radius: 10px;
  background: var(--faint);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
  font-size: 12.5px;
}
.links {
  display: flex;
  flex-wrap: wrap;
  gap: 4px 20px;
  margin-top: 14px;
  font-size: 14px;
}
.show {
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  align-content: start;
  gap: 20px;
}
.panel {
  padding: 18px 22px 20px;
  border: 1px solid var(--edge);
  border-radius: 14px;
  background: var(--panel);
}
figcaption {
  font-size: 14px;
  line-height: 1.45;
  color: var(--soft);
}
figcaption b {
  color: var(--ink);
  font-weight: 600;
}
.panel > figcaption {
  display: flex;
  flex-wrap: wrap;
  gap: 2px 20px;
  margin-bottom: 14px;
}
.panel > figcaption b {
  margin-right: auto;
}
.key i {
  display: inline-block;
  width: 10px;
  height: 10px;
  margin-right: 7px;
  border-radius: 3px;
  background: var(--colour);
}
.kept,
.own,
.played {
  --colour: var(--own);
}
.rest {
  --colour: light-dark(#cfcbc1, #43464f);
}
.violet {
  --colour: var(--violet);
}
.seam {
  --colour: var(--edge);
}
.alert,
.threshold {
  --colour: var(--alert);
}
.key i.own,
.key i.violet,
.key i.threshold,
.key i.alert,
.key i.seam {
  width: 18px;
  height: 0;
  border-top: 2px solid var(--colour);
  border-radius: 0;
  background: none;
  vertical-align: 4px;
}
.key i.threshold {
  border-top-style: dashed;
}
.key i.alert,
.key i.seam {
  width: 0;
  height: 12px;
  border-top: 0;
  border-left: 2px solid var(--colour);
  vertical-align: -1px;
}

/* Plots */
.plot-area {
  position: relative;
  height: 170px;
}
.plot-area svg {
  display: block;
  width: 100%;
  height: 100%;
  overflow: visible;
}
.plot line,
.plot polyline {
  fill: none;
  stroke: var(--colour);
  stroke-width: 1.75;
  stroke-linejoin: round;
  vector-effect: non-scaling-stroke;
}
.plot line.grid,
.plot line.seam {
  --colour: var(--edge);
  stroke-width: 1;
}
.plot line.threshold {
  stroke-width: 1.25;
  stroke-dasharray: 5 5;
}
.plot line.alert {
  stroke-width: 1;
  opacity: 0.55;
}
.plot rect {
  fill: var(--colour);
}
.plot {
  padding-left: 44px;
}
.plot-y span,
.plot-x span,
.plot-mark span {
  position: absolute;
  font-size: 12px;
  line-height: 1;
  white-space: nowrap;
  color: var(--soft);
}
.plot-y span {
  right: calc(100% + 10px);
  transform: translateY(-50%);
}
.plot-x {
  position: relative;
  height: 20px;
}
.plot-x span {
  top: 10px;
  transform: translateX(-50%);
}
.plot-x .start {
  transform: none;
}
.plot-x .end {
  transform: translateX(-100%);
}
.plot-mark {
  position: absolute;
  inset: 0;
}
.plot-mark span {
  top: 0;
  padding-right: 10px;
  color: var(--colour, var(--alert));
  font-weight: 550;
  transform: translateX(-100%);
}
.cursor {
  position: absolute;
  inset-block: 0;
  width: 0;
  border-left: 1.5px solid var(--ink);
  pointer-events: none;
}

/* Patches */
.image {
  position: relative;
  display: block;
  overflow: hidden;
}
.overlay,
.overlay svg {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
}
.overlay .rest {
  fill: rgb(8 9 12 / 0.74);
}
.overlay .kept {
  fill: none;
  stroke: rgb(63 214 186 / 0.85);
  stroke-width: 1;
  vector-effect: non-scaling-stroke;
}
.heat {
  shape-rendering: crispEdges;
}
.image[data-mode="frame"] .overlay,
.image[data-mode="energy"] .overlay path,
.image:not([data-mode="energy"]) .heat {
  display: none;
}
.stage {
  border: 1px solid var(--edge);
  border-radius: 14px;
  background: var(--panel);
  overflow: hidden;
}
.stage-bar {
  display: flex;
  flex-wrap: wrap;
  gap: 10px 20px;
  align-items: center;
  justify-content: space-between;
  padding: 12px 14px 12px 22px;
  font-size: 14px;
}
.modes {
  display: flex;
  padding: 3px;
  border-radius: 10px;
  background: var(--faint);
}
.modes input,
.thumb input {
  position: absolute;
  opacity: 0;
}
.modes label {
  position: relative;
}
.modes span {
  display: block;
  padding: 4px 14px;
  border-radius: 8px;
  color: var(--soft);
  cursor: pointer;
}
.modes input:checked + span {
  background: var(--panel);
  color: var(--ink);
  box-shadow: 0 1px 2px rgb(0 0 0 / 0.14);
}
.strip {
  display: grid;
  grid-template-columns: repeat(8, 1fr);
  gap: 8px;
}
.thumb {
  position: relative;
  cursor: pointer;
}
.thumb .image {
  border-radius: 7px;
}
.thumb .kept {
  stroke: none;
}
.thumb input:checked + .image {
  box-shadow: 0 0 0 2px var(--paper), 0 0 0 4px var(--own);
}
input:focus-visible + span {
  outline: 2px solid var(--ink);
  outline-offset: 3px;
}

/* Films side by side */
.pair {
  display: grid;
  grid-template-columns: repeat(2, minmax(0, 1fr));
  gap: 14px 16px;
}
.pair img,
.pair video {
  border-radius: 12px;
  background: #000;
}
.pair video {
  cursor: pointer;
}
.pair figcaption {
  margin-top: 8px;
}
.alerted img {
  box-shadow: 0 0 0 2px var(--paper), 0 0 0 4px var(--alert);
}
.transport {
  grid-column: 1 / -1;
  display: flex;
  gap: 16px;
  align-items: center;
}
.transport input {
  flex: 1;
  min-width: 0;
  accent-color: var(--own);
}
.transport output {
  min-width: 4.5em;
  font-size: 14px;
  color: var(--soft);
  text-align: right;
}
.play {
  flex: none;
  display: grid;
  place-items: center;
  width: 42px;
  height: 42px;
  border: 0;
  border-radius: 50%;
  background: var(--ink);
  color: var(--paper);
  cursor: pointer;
}
.play::before {
  content: "";
  width: 13px;
  height: 15px;
  margin-left: 3px;
  background: currentColor;
  clip-path: polygon(0 0, 100% 50%, 0 100%);
}
.play[aria-pressed="true"]::before {
  margin-left: 0;
  clip-path: polygon(0 0, 35% 0, 35% 100%, 65% 100%, 65% 0, 100% 0, 100% 100%, 0 100%);
  clip-path: path("M0 0h4.5v15h-4.5zM8.5 0h4.5v15h-4.5z");
}
.play:hover {
  background: var(--own);
}

.peek {
  position: absolute;
  bottom: 14px;
  left: clamp(0px, var(--at) - 76px, 100% - 152px);
  width: 152px;
  padding: 5px 5px 6px;
  border: 1px solid var(--edge);
  border-radius: 10px;
  background: var(--panel);
  box-shadow: 0 4px 18px rgb(0 0 0 / 0.18);
  pointer-events: none;
}
.peek[hidden] {
  display: none;
}
.peek img {
  border-radius: 6px;
}
.peek figcaption {
  margin-top: 4px;
  font-size: 11px;
  text-align: center;
}

/* Comparisons */
.bars {
  display: grid;
  gap: 10px;
  font-size: 14px;
}
.bars li {
  display: grid;
  grid-template-columns: minmax(0, 1fr) auto;
  gap: 4px 16px;
}
.bar-figure {
  color: var(--soft);
}
.bar-track {
  grid-row: 2;
  grid-column: 1 / -1;
  height: 8px;
  border-radius: 4px;
  background: var(--faint);
  overflow: hidden;
}
.bar-track i {
  display: block;
  height: 100%;
  min-width: 2px;
  background: light-dark(#b9b4a8, #5a5e69);
}
.bars .own i {
  background: var(--own);
}
.bars .own .bar-figure {
  color: var(--ink);
  font-weight: 550;
}
.delay {
  display: flex;
  gap: 2px;
  height: 22px;
  border-radius: 6px;
  overflow: hidden;
}
.delay i {
  min-width: 2px;
  background: var(--colour);
}
.fill {
  --colour: light-dark(#cfcbc1, #4b4f59);
}
.encode {
  --colour: var(--own);
}
.transfer {
  --colour: var(--alert);
}
.decode {
  --colour: var(--violet);
}
.legend {
  display: flex;
  flex-wrap: wrap;
  gap: 4px 24px;
  margin-top: 12px;
  font-size: 14px;
  color: var(--soft);
}
.legend i {
  display: inline-block;
  width: 10px;
  height: 10px;
  margin-right: 8px;
  border-radius: 3px;
  background: var(--colour);
}
.legend b {
  margin-left: 4px;
  color: var(--ink);
  font-weight: 550;
}

/* Sound */
.voices {
  border: 1px solid var(--edge);
  border-radius: 14px;
  background: var(--panel);
  overflow: hidden;
}
.voice {
  position: relative;
  display: flex;
  gap: 18px;
  align-items: center;
}
.voices .voice {
  padding: 14px 22px;
  border-bottom: 1px solid var(--edge);
}
.track {
  position: relative;
  flex: 1;
  min-width: 0;
  height: 56px;
}
.wave {
  display: block;
  width: 100%;
  height: 100%;
}
.wave path {
  fill: none;
  stroke: light-dark(#b9b4a8, #5a5e69);
  stroke-width: 1.3;
  vector-effect: non-scaling-stroke;
}
.wave .played {
  stroke: var(--own);
  clip-path: inset(0 calc(100% - var(--played, 0%)) 0 var(--begun, 0%));
}
.track input,
.plot-area input {
  position: absolute;
  inset: 0;
  height: 100%;
  margin: 0;
  opacity: 0;
  cursor: pointer;
}
.track input {
  width: auto;
}
.plot-area input {
  width: 100%;
  touch-action: pan-y;
}
.plot-area:has(input:focus-visible),
.track:has(input:focus-visible) {
  outline: 2px solid var(--own);
  outline-offset: 3px;
  border-radius: 6px;
}
.voice-text {
  flex: none;
  width: 118px;
  font-size: 14px;
  line-height: 1.4;
  text-align: right;
}
.voice-text b {
  display: block;
  font-weight: 600;
}
.voice-text span {
  color: var(--soft);
}
.sought .part {
  position: absolute;
  inset-block: -4px;
  border-radius: 6px;
  background: color-mix(in srgb, var(--own) 16%, transparent);
  pointer-events: none;
}
.part {
  --colour: color-mix(in srgb, var(--own) 30%, transparent);
}
.hint {
  padding: 10px 22px 12px;
  font-size: 13px;
  color: var(--soft);
}
.note {
  margin-top: 14px;
  font-size: 14px;
  line-height: 1.5;
  color: var(--soft);
}
.note data {
  color: var(--ink);
  font-weight: 550;
}
.images {
  display: grid;
  grid-template-columns: repeat(2, minmax(0, 1fr));
  gap: 16px;
}
.images img {
  border-radius: 8px;
}
.images figcaption {
  margin-top: 6px;
}

footer {
  margin-top: 96px;
  padding-block: 28px 56px;
  font-size: 14px;
  color: var(--soft);
}
footer p {
  padding-top: 24px;
  border-top: 1px solid var(--edge);
}

@media (max-width: 900px) {
  section {
    grid-template-columns: minmax(0, 1fr);
    gap: 24px;
    padding-top: 72px;
  }
  /* What is to be seen comes before its figures. */
  .words {
    display: contents;
  }
  .show {
    order: 1;
  }
  .details {
    order: 2;
  }
  .cards {
    grid-template-columns: 1fr 1fr;
  }
  .card:nth-child(3) {
    border-left: 0;
  }
  .card:nth-child(n + 3) {
    border-top: 1px solid var(--edge);
  }
}
@media (max-width: 560px) {
  header,
  main,
  footer {
    padding-inline: 18px;
  }
  header {
    padding-top: 44px;
  }
  .meta {
    margin: 20px 0 28px;
    font-size: 13px;
  }
  .card {
    padding: 14px 16px 16px;
  }
  .card strong {
    font-size: 22px;
  }
  .panel {
    padding: 16px;
  }
  .stage-bar {
    padding: 12px 16px 14px;
  }
  .modes {
    width: 100%;
  }
  .modes label {
    flex: 1;
    text-align: center;
  }
  .strip {
    grid-template-columns: repeat(4, 1fr);
    gap: 6px;
  }
  .plot-area {
    height: 140px;
  }
  .pair {
    gap: 12px 10px;
  }
  .pair figcaption {
    font-size: 13px;
  }
  .voice {
    gap: 14px;
  }
  .voices .voice {
    flex-wrap: wrap;
    padding: 12px 16px;
  }
  .voices .voice-text {
    order: -1;
    display: flex;
    justify-content: space-between;
    width: 100%;
  }
  .images {
    grid-template-columns: 1fr;
  }
}
@media (max-width: 400px) {
  .plot-x span:nth-child(even) {
    display: none;
  }
}
@media (prefers-reduced-motion: reduce) {
  :root {
    scroll-behavior: auto;
  }
}
`,
  "/page.js": `// What moves on the demo's page: the chosen frame, two films in step, and the voices.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const SVG = "http://www.w3.org/2000/svg";

function moveCursor(id, part) {
  const cursor = $(\`#\${id} .cursor\`);
  cursor.hidden = false;
  cursor.style.left = \`\${100 * part}%\`;
}

// Patches: the stage shows the chosen sample.

const samples = JSON.parse($("#samples").textContent);
const mostEnergy = Math.max(...samples.frames.flatMap(({ energy }) => energy), 1);
// From nothing to most, as heat.
const HEAT = [[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [
  252,
  253,
  191,
]];

function heatColour(energy) {
  const place = Math.sqrt(energy / mostEnergy) * (HEAT.length - 1);
  const low = Math.min(HEAT.length - 2, Math.floor(place));
  const mixed = HEAT[low].map((value, c) =>
    Math.round(value + (place - low) * (HEAT[low + 1][c] - value))
  );
  return \`rgb(\${mixed.join(" ")} / 0.8)\`;
}

function heatLayer({ energy }) {
  const group = document.createElementNS(SVG, "g");
  group.setAttribute("class", "heat");
  energy.forEach((value, place) => {
    const cell = document.createElementNS(SVG, "rect");
    cell.setAttribute("x", String(place % samples.columns));
    cell.setAttribute("y", String(Math.floor(place / samples.columns)));
    cell.setAttribute("width", "1");
    cell.setAttribute("height", "1");
    cell.setAttribute("fill", heatColour(value));
    group.append(cell);
  });
  return group;
}

function showSample() {
  const chosen = $("input[name=sample]:checked");
  const frame = samples.frames[Number(chosen.value)];
  const image = $("#stage .image");
  $("img", image).src = frame.image;
  const overlay = $(".overlay", chosen.parentElement).cloneNode(true);
  overlay.append(heatLayer(frame));
  $(".overlay", image).replaceWith(overlay);
  $("#stage output").textContent = frame.text;
  // The plot begins a little before the first sample and ends a little after the last second.
  const { left, right } = samples.axis;
  moveCursor("energy", (frame.pts - left) / (right - left));
}

for (const input of $$("input[name=sample]")) input.addEventListener("change", showSample);
for (const input of $$("input[name=mode]")) {
  input.addEventListener("change", () => $("#stage .image").dataset.mode = input.value);
}
showSample();

// Films: the first one leads, the second follows.

const pair = $("#pair");
const [leader, follower] = $$("video", pair);
const pairButton = $("button", pair);
const pairPlace = $("input", pair);

function showPlace() {
  const seconds = leader.currentTime;
  pairPlace.value = String(seconds);
  $("output", pair).textContent = \`\${seconds.toFixed(2)} s\`;
  moveCursor("psnr", Math.min(1, seconds / Number(pairPlace.max)));
}

function followLeader() {
  if (Math.abs(follower.currentTime - leader.currentTime) > 0.05) {
    follower.currentTime = leader.currentTime;
  }
  showPlace();
  if (!leader.paused) requestAnimationFrame(followLeader);
}

function seekPair(seconds) {
  leader.currentTime = seconds;
  follower.currentTime = seconds;
  showPlace();
}

async function playPair() {
  await Promise.all([leader.play(), follower.play()]);
  followLeader();
}

function pausePair() {
  leader.pause();
  follower.pause();
  follower.currentTime = leader.currentTime;
}

const togglePair = () => leader.paused ? playPair() : pausePair();
pairButton.addEventListener("click", togglePair);
for (const video of [leader, follower]) video.addEventListener("click", togglePair);
leader.addEventListener("play", () => pairButton.setAttribute("aria-pressed", "true"));
leader.addEventListener("pause", () => pairButton.setAttribute("aria-pressed", "false"));
leader.addEventListener("ended", () => {
  seekPair(0);
  playPair();
});
leader.addEventListener("seeked", showPlace);
pairPlace.addEventListener("input", () => seekPair(Number(pairPlace.value)));
leader.addEventListener("loadeddata", () => seekPair(Number(pairPlace.max) * 0.68), { once: true });
if (leader.readyState >= 2) seekPair(Number(pairPlace.max) * 0.68);

// Voices: one at a time; the next one goes on where the last one was.

const voices = $$("[data-player]").map((root) => ({
  root,
  audio: $("audio", root),
  button: $("button", root),
  place: $("input", root),
  begin: Number(root.dataset.from ?? 0),
  end: Number(root.dataset.to ?? 1),
}));

function showVoice({ root, audio, place, begin, end }) {
  const seconds = Number(place.max);
  const part = Math.min(1, audio.currentTime / seconds);
  place.value = String(audio.currentTime);
  place.setAttribute("aria-valuetext", \`\${audio.currentTime.toFixed(1)} of \${seconds} seconds\`);
  root.style.setProperty("--begun", \`\${100 * begin}%\`);
  root.style.setProperty("--played", \`\${100 * (begin + part * (end - begin))}%\`);
}

function followVoice(voice) {
  showVoice(voice);
  if (!voice.audio.paused) requestAnimationFrame(() => followVoice(voice));
}

function playVoice(voice) {
  for (const other of voices) {
    if (other === voice || other.audio.paused) continue;
    other.audio.pause();
    // Both hold the same sentence from its beginning.
    if (other.place.max === voice.place.max) voice.audio.currentTime = other.audio.currentTime;
  }
  voice.audio.play();
}

for (const voice of voices) {
  const { audio, button, place } = voice;
  button.addEventListener("click", () => audio.paused ? playVoice(voice) : audio.pause());
  audio.addEventListener("play", () => {
    button.setAttribute("aria-pressed", "true");
    followVoice(voice);
  });
  audio.addEventListener("pause", () => button.setAttribute("aria-pressed", "false"));
  audio.addEventListener("ended", () => {
    audio.currentTime = 0;
    showVoice(voice);
  });
  place.addEventListener("input", () => {
    audio.currentTime = Number(place.value);
    showVoice(voice);
  });
}

// Drift: the frame under the pointer, or the one that the slider is at.

const watched = JSON.parse($("#watched").textContent);
const area = $("#drift .plot-area");
const slider = $("input", area);
const peek = $(".peek", area);

function showFrame() {
  const { image, time, text } = watched.frames[Number(slider.value)];
  const part = time / watched.seconds;
  $("img", peek).src = image;
  $("figcaption", peek).textContent = text;
  slider.setAttribute("aria-valuetext", text);
  peek.style.setProperty("--at", \`\${100 * part}%\`);
  peek.hidden = false;
  moveCursor("drift", part);
}

function hideFrame() {
  peek.hidden = true;
  $(".cursor", area).hidden = true;
}

function frameUnder({ clientX }) {
  const { left, width } = area.getBoundingClientRect();
  const time = watched.seconds * (clientX - left) / width;
  const later = watched.frames.findIndex((frame) => frame.time > time);
  return later === -1 ? watched.frames.length - 1 : Math.max(0, later - 1);
}

area.addEventListener("pointermove", (event) => {
  slider.value = String(frameUnder(event));
  showFrame();
});
area.addEventListener("pointerleave", hideFrame);
slider.addEventListener("input", showFrame);
slider.addEventListener("focus", () => slider.matches(":focus-visible") && showFrame());
slider.addEventListener("blur", hideFrame);
`,
};
