"use strict";
// The page of clip-drift: one WebSocket brings changes as JSON and frames as [camera, JPEG…].

const $ = (id) => document.getElementById(id);
const tiles = new Map();
let settings = { plot: true, history: 300, canQuit: false };

/** Red grows with drift, from cyan, as in the tool that this page follows. */
function driftColour(drift) {
  const d = Math.min(Math.max(drift, 0), 1);
  const rest = Math.round(255 * (1 - d));
  return `rgb(${Math.min(255, Math.round(510 * d))} ${rest} ${rest})`;
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

const SERIES = [
  { label: "drift", stroke: "#6cb6ff", width: 1.5 },
  { label: "reference", stroke: "#f5b94d", width: 1 },
  { label: "rolling", stroke: "#b58cff", width: 1 },
];
const AXIS = { stroke: "#9aa7b4", grid: { stroke: "#2d3640" }, ticks: { stroke: "#2d3640" } };

/** A plot of columns over time, as wide as the element around it until it is destroyed. */
function makePlot(parent, columns, count) {
  const size = () => ({ width: Math.max(parent.clientWidth - 8, 100), height: 190 });
  const plot = new uPlot(
    {
      ...size(),
      series: [{}, ...SERIES.slice(0, count)],
      axes: [{ ...AXIS, space: 90, values: (_, times) => times.map(clock) }, { ...AXIS, size: 56 }],
      scales: { y: { range: (_, __, most) => [0, Math.max(0.1, 1.2 * (most ?? 0))] } },
      legend: { live: false },
      hooks: { destroy: [() => observer.disconnect()] },
    },
    columns,
    parent,
  );
  const observer = new ResizeObserver(() => plot.setSize(size()));
  observer.observe(parent);
  return plot;
}

/** What a tile says of the states in which its image is not that of this moment. */
const STATES = {
  never: "Never connected",
  lost: "Lost: this is the last frame",
  frozen: "Frozen: the same frame again and again",
  ended: "The stream has ended",
  failed: "Given up",
  unlinked: "The command has ended, or cannot be reached",
};

/** One camera on the page. */
class Tile {
  constructor(view) {
    this.root = $("tile").content.firstElementChild.cloneNode(true);
    this.root.dataset.camera = view.id;
    this.part = (name) => this.root.querySelector(`.${name}`);
    this.part("name").textContent = view.name;
    this.part("image").alt = `Live image of ${view.name}`;
    this.columns = [[], [], [], []];
    this.isDirty = false;
    this.snapshots = "";
    this.url = "";
    $("live").append(this.root);
    if (settings.plot) this.plot = makePlot(this.part("plot"), this.columns, 3);
  }

  /** Shows numbers. */
  view(view) {
    this.part("fps").textContent = `FPS: ${view.fps.toFixed(1)}`;
    this.part("similarity").textContent = `Similarity: ${view.similarity.toFixed(4)}`;
    const drift = this.part("drift");
    drift.textContent = `Drift: ${view.drift.toFixed(4)}`;
    drift.style.color = driftColour(view.drift);
    const meter = this.part("meter");
    meter.setAttribute("aria-valuenow", view.drift.toFixed(4));
    const fill = meter.firstElementChild;
    fill.style.height = `${100 * Math.min(5 * view.drift, 1)}%`;
    fill.style.background = driftColour(view.drift);
    const frames = view.index + 1;
    this.part("elapsed").textContent = `Elapsed: ${view.elapsed.toFixed(1)}s | Frames: ${frames}`;
    this.part("frame").textContent = `Frame: ${Math.max(view.index, 0)}`;
    this.part("label").textContent = view.label ?? "";
    this.part("label").hidden = view.label === undefined;
    this.strip(view);
    this.status = view.status;
    this.hasContent = view.hasContent;
    this.hasFrames ||= view.index >= 0;
    showLink();
  }

  /** Shows whether the image is that of this moment, and if not, why. */
  state() {
    const state = !isLinked
      ? "unlinked"
      : this.status === "lost" && !this.hasFrames
      ? "never"
      : this.status;
    this.root.dataset.state = state;
    const isEmpty = state === "live" && !this.hasContent;
    const text = isEmpty ? "No content" : STATES[state] ?? "";
    if (this.part("state").textContent !== text) this.part("state").textContent = text;
    this.part("waiting").hidden = this.url !== "" || text !== "";
  }

  strip(view) {
    const names = view.run === undefined ? [] : view.snapshots;
    if (names.join() === this.snapshots) return;
    this.snapshots = names.join();
    this.part("strip").replaceChildren(...names.map((name) => snapshotImage(view.run, name)));
  }

  point(point) {
    point.forEach((value, i) => this.columns[i].push(value));
    if (this.columns[0].length > settings.history) {
      for (const column of this.columns) column.shift();
    }
    this.isDirty = true;
  }

  note(note) {
    const item = document.createElement("li");
    item.className = note.type;
    const time = document.createElement("time");
    time.textContent = clock(note.time);
    item.append(time, note.text);
    const notes = this.part("notes");
    notes.prepend(item);
    while (notes.children.length > 50) notes.lastChild.remove();
    if (note.type !== "alert") return;
    this.root.classList.add("alarmed");
    clearTimeout(this.alarm);
    this.alarm = setTimeout(() => this.root.classList.remove("alarmed"), 8000);
  }

  show(jpeg) {
    const image = this.part("image");
    const url = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
    image.src = url;
    URL.revokeObjectURL(this.url);
    this.url = url;
    this.part("waiting").hidden = true;
  }

  /** Releases what the page would keep. */
  close() {
    this.plot?.destroy();
    URL.revokeObjectURL(this.url);
    clearTimeout(this.alarm);
  }

  draw() {
    if (!this.isDirty || this.plot === undefined) return;
    this.isDirty = false;
    this.plot.setData(this.columns);
  }
}

function snapshotImage(run, name) {
  const image = new Image();
  image.src = `/api/runs/${run}/${name}`;
  image.alt = `Snapshot, frame ${Number(name.slice(6, -4))}`;
  image.title = image.alt;
  image.loading = "lazy";
  return image;
}

let isLinked = false;

/** The pill shows the state of the link to the command first, then that of the cameras. */
function showLink() {
  const isEmpty = isLinked && tiles.size === 0;
  $("link").hidden = $("tab-live").hidden = isEmpty;
  const states = [...tiles.values()].map((tile) => tile.status);
  for (const tile of tiles.values()) tile.state();
  const state = !isLinked ? "lost" : ["failed", "lost", "frozen", "connecting", "live", "ended"]
    .find((name) => states.includes(name)) ?? "connecting";
  $("link").dataset.state = state;
  $("link").textContent = isLinked ? state : "no link to the command";
}

const HANDLERS = {
  hello(message) {
    settings = message;
    $("model").textContent = message.model;
    $("tab-runs").hidden = !message.hasRuns;
    $("hint").textContent = message.canQuit ? "Q or Esc ends the watch" : "";
    for (const tile of tiles.values()) tile.close();
    $("live").replaceChildren();
    $("live").dataset.count = message.cameras.length;
    tiles.clear();
    for (const { view, points, notes } of message.cameras) {
      const tile = new Tile(view);
      tiles.set(view.id, tile);
      tile.view(view);
      for (const point of points) tile.point(point);
      for (const note of notes) tile.note(note);
    }
    showLink();
  },
  frame({ view, point }) {
    const tile = tiles.get(view.id);
    tile?.view(view);
    tile?.point(point);
  },
  view({ view }) {
    tiles.get(view.id)?.view(view);
  },
  note({ camera, note }) {
    tiles.get(camera)?.note(note);
  },
};

let socket;

function connect() {
  socket = new WebSocket(
    `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`,
  );
  socket.binaryType = "arraybuffer";
  socket.onopen = () => (isLinked = true, showLink());
  socket.onclose = () => {
    isLinked = false;
    showLink();
    setTimeout(connect, 2000);
  };
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      HANDLERS[message.type]?.(message);
    } else tiles.get(new Uint8Array(data)[0])?.show(data.slice(1));
  };
}

function drawAll() {
  for (const tile of tiles.values()) tile.draw();
  requestAnimationFrame(drawAll);
}

/** Rows of a table of an object's entries. */
function table(entries) {
  const root = document.createElement("table");
  for (const [name, value] of entries) {
    const row = root.insertRow();
    row.insertCell().textContent = name;
    row.insertCell().textContent = typeof value === "number" ? Number(value.toFixed(4)) : value;
  }
  return root;
}

/** Entries of nested objects, names joined by points. */
function flat(value, prefix = "") {
  return Object.entries(value ?? {}).flatMap(([name, inner]) =>
    inner !== null && typeof inner === "object"
      ? flat(inner, `${prefix}${name}.`)
      : [[prefix + name, inner]]
  );
}

let runPlot;
let wanted = "";

/** What the command answers; an error says why there is nothing. */
async function ask(path) {
  const response = await fetch(path).catch(() => {
    throw new Error("The command cannot be reached");
  });
  if (!response.ok) throw new Error(await response.text() || `status ${response.status}`);
  return await response.json();
}

/** Shows a failure in place of what was asked for. */
function showError(place, error) {
  const text = document.createElement("p");
  text.className = "error";
  text.setAttribute("role", "alert");
  text.textContent = error.message;
  place.replaceChildren(text);
}

/** Shows a run, unless another was chosen before the answer came. */
async function showRun(name) {
  wanted = name;
  for (const button of document.querySelectorAll("#run-list button")) {
    button.setAttribute("aria-current", String(button.textContent === name));
  }
  try {
    const run = await ask(`/api/runs/${name}`);
    if (wanted === name) drawRun(name, run);
  } catch (error) {
    if (wanted !== name) return;
    runPlot?.destroy();
    runPlot = undefined;
    showError($("run"), error);
  }
}

function drawRun(name, run) {
  const heading = document.createElement("h2");
  heading.textContent = `${name} · ${run.frames} frames`;
  const plot = document.createElement("div");
  const strip = document.createElement("div");
  strip.className = "strip";
  strip.append(...run.snapshots.map((snapshot) => snapshotImage(name, snapshot)));
  const facts = table([...flat(run.summary), ...flat(run.config)]);
  runPlot?.destroy();
  runPlot = undefined;
  $("run").replaceChildren(heading, plot, strip, facts);
  if (run.drift.length > 0) {
    const columns = [run.drift.map((p) => p[0]), run.drift.map((p) => p[1])];
    runPlot = makePlot(plot, columns, 1);
  }
}

async function listRuns() {
  const names = await ask("/api/runs");
  $("run-list").replaceChildren(...names.map((name) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.textContent = name;
    button.setAttribute("aria-current", String(name === wanted));
    button.onclick = () => showRun(name);
    item.append(button);
    return item;
  }));
}

function showTab(name) {
  for (const tab of ["live", "runs"]) {
    $(tab).hidden = tab !== name;
    $(`tab-${tab}`).setAttribute("aria-pressed", String(tab === name));
  }
  if (name === "runs") listRuns().catch((error) => showError($("run"), error));
}

$("tab-live").onclick = () => showTab("live");
$("tab-runs").onclick = () => showTab("runs");
if (location.hash === "#runs") showTab("runs");
$("quit").onclose = () => {
  if ($("quit").returnValue === "yes") socket.send("quit");
};

/** Whether a key is a wish to end, and not a part of a shortcut or of a text. */
function isQuitKey(event) {
  const isShortcut = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
  const isText = event.target.closest("input, textarea, select, [contenteditable]") !== null;
  return !isShortcut && !isText && ["q", "Q", "Escape"].includes(event.key);
}

addEventListener("keydown", (event) => {
  if (!settings.canQuit || !isLinked || $("quit").open || !isQuitKey(event)) return;
  event.preventDefault();
  $("quit").returnValue = "no";
  $("quit").showModal();
});
connect();
requestAnimationFrame(drawAll);
