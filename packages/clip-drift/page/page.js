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

const CLOCK = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });

const clock = (seconds) => CLOCK.format(seconds * 1000);
const dayOf = (seconds) => DAY.format(seconds * 1000);

/** A colour of the style sheet, which is another one when the scheme changes. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

const SERIES = [["drift", "drift", 1.5], ["reference", "warn", 1], ["rolling", "rolling", 1]];
const AXIS = {
  stroke: () => colour("quiet"),
  grid: { stroke: () => colour("line") },
  ticks: { stroke: () => colour("line") },
};
const plots = new Set();
matchMedia("(prefers-color-scheme: light)").onchange = () => {
  for (const plot of plots) plot.redraw();
};

/** Times below an axis; the day where it is another one than before, if they are not all of today. */
function timeLabels(plot, times, _axis, _space, step) {
  const { min, max } = plot.scales.x;
  const days = new Set([dayOf(min), dayOf(max), dayOf(Date.now() / 1000)]);
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (step < 60) shape.second = "2-digit";
  if (step >= 86_400) return times.map(dayOf);
  return times.map((time, i) => {
    const label = new Date(time * 1000).toLocaleTimeString([], shape);
    const isNewDay = i === 0 || dayOf(times[i - 1]) !== dayOf(time);
    return days.size > 1 && isNewDay ? `${label}\n${dayOf(time)}` : label;
  });
}

/** What happened is drawn as a line in its colour, as its text is in the list. */
const MARKS = {
  ...{ alert: "bad", failed: "bad", unsaved: "bad" },
  ...{ lost: "warn", gap: "warn", frozen: "warn" },
};

function drawMarks(plot, marks) {
  const { ctx, bbox: { left, top, width, height } } = plot;
  ctx.save();
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const name of new Set(Object.values(MARKS))) {
    ctx.strokeStyle = colour(name);
    ctx.beginPath();
    for (const { time, type } of marks) {
      const x = plot.valToPos(time, "x", true);
      if (MARKS[type] !== name || !(x >= left && x <= left + width)) continue;
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
    }
    ctx.stroke();
  }
  ctx.restore();
}

/**
 * A plot of columns over time, with marks, as wide as the element around it until it is destroyed.
 * A series is its label, its colour and its width.
 */
function makePlot(parent, columns, series, marks) {
  const size = () => ({ width: Math.max(parent.clientWidth - 8, 100), height: 190 });
  const range = (_, least, most) => [
    Math.min(0, 1.2 * (least ?? 0)),
    Math.max(0.1, 1.2 * (most ?? 0)),
  ];
  const plot = new uPlot(
    {
      ...size(),
      series: [
        {},
        ...series.map(([label, name, width]) => ({ label, width, stroke: () => colour(name) })),
      ],
      axes: [{ ...AXIS, space: 90, values: timeLabels }, { ...AXIS, size: 56 }],
      scales: { y: { range } },
      legend: { live: false },
      hooks: {
        draw: [(plot) => drawMarks(plot, marks)],
        destroy: [() => (observer.disconnect(), plots.delete(plot))],
      },
    },
    columns,
    parent,
  );
  const observer = new ResizeObserver(() => plot.setSize(size()));
  observer.observe(parent);
  plots.add(plot);
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
    this.root.setAttribute("aria-label", view.name);
    this.part("tools").hidden = !settings.canDraw;
    this.part("draw").onclick = () => draw(this);
    this.marks = [];
    if (settings.plot) this.plot = makePlot(this.part("plot"), this.columns, SERIES, this.marks);
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

  note(note, isNew) {
    const notes = this.part("notes");
    notes.prepend(noteItem(note));
    while (notes.children.length > 50) notes.lastChild.remove();
    this.marks.push(note);
    if (this.marks.length > 50) this.marks.shift();
    this.isDirty = true;
    if (note.type !== "alert") return;
    if (isNew) $("spoken").textContent = `Alert, ${this.root.ariaLabel}: ${note.text}`;
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
    this.part("draw").disabled = false;
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

/** A line of a list of what happened. */
function noteItem({ type, time, text }, shown = clock(time)) {
  const item = document.createElement("li");
  item.className = type;
  const when = document.createElement("time");
  when.dateTime = new Date(time * 1000).toISOString();
  when.textContent = shown;
  item.append(when, text);
  return item;
}

/** What opens a snapshot in its full size. */
function snapshotLink(run, name, ...content) {
  const link = document.createElement("a");
  link.href = `api/runs/${run}/${name}`;
  link.target = "_blank";
  link.append(...content);
  return link;
}

function snapshotImage(run, name) {
  const image = new Image();
  image.src = `api/runs/${run}/${name}`;
  image.alt = `Snapshot, frame ${Number(name.slice(6, -4))}`;
  image.title = image.alt;
  image.loading = "lazy";
  return snapshotLink(run, name, image);
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
    drawing?.move([...tiles.values()].find(({ root }) => root.ariaLabel === drawing.camera));
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
    tiles.get(camera)?.note(note, true);
  },
};

let socket;

function connect() {
  socket = new WebSocket(new URL("live", location.href).href.replace(/^http/, "ws"));
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

/** The regions that are being drawn. */
let drawing;

/** Lets the viewer draw what counts of a camera's picture. */
async function draw(tile) {
  drawing?.close();
  const camera = tile.root.ariaLabel;
  try {
    const path = `api/regions?camera=${encodeURIComponent(camera)}`;
    const save = async (body) => await answerOf(path, { method: "POST", body });
    const begun = new Drawing(camera, await ask(path), save, () => (drawing = undefined));
    drawing?.close();
    drawing = begun;
    drawing.move(tiles.get(Number(tile.root.dataset.camera)));
    drawing.focus();
  } catch (error) {
    $("spoken").textContent = error.message;
  }
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

/** What the command answers; an error says why there is none. */
async function answerOf(path, init) {
  const response = await fetch(path, init).catch(() => {
    throw new Error("The command cannot be reached");
  });
  if (response.ok) return response;
  const { message } = await response.json().catch(() => ({}));
  throw new Error(message ?? `status ${response.status}`);
}

const ask = async (path) => await (await answerOf(path)).json();

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
    button.setAttribute("aria-current", String(button.dataset.run === name));
  }
  try {
    const run = await ask(`api/runs/${name}`);
    if (wanted !== name) return;
    drawRun(name, run);
    const snapshots = await ask(`api/runs/${name}/snapshots`);
    if (wanted === name) drawSnapshots(name, run, snapshots);
  } catch (error) {
    if (wanted !== name) return;
    runPlot?.destroy();
    runPlot = undefined;
    showError($("run"), error);
  }
}

/** The measures of a run as a choice; the one chosen is drawn. */
function measureChoice(run, place) {
  const choice = document.createElement("select");
  const label = document.createElement("label");
  label.append("Measure ", choice);
  for (const { measures } of run.curves) {
    for (const name of Object.keys(measures)) choice.add(new Option(name));
  }
  choice.onchange = () => {
    runPlot?.destroy();
    const { times, measures } = run.curves.find((one) => choice.value in one.measures);
    const series = [[choice.value, "drift", 1.5]];
    runPlot = makePlot(place, [times, measures[choice.value]], series, run.marks);
  };
  return { label, choice };
}

/** What happened in a run, the latest first; alerts open the snapshots that there are. */
function markList(name, { marks }, snapshots) {
  const list = document.createElement("ol");
  list.className = "notes";
  list.setAttribute("aria-label", "Alerts and events");
  list.tabIndex = 0;
  list.append(
    ...marks.toReversed().map((mark) => {
      const text = mark.text === "" ? mark.type : `${mark.type}: ${mark.text}`;
      const item = noteItem({ ...mark, text: "" }, `${dayOf(mark.time)} ${clock(mark.time)}`);
      const { snapshot } = mark;
      item.append(snapshots.includes(snapshot) ? snapshotLink(name, snapshot, text) : text);
      return item;
    }),
  );
  return list;
}

function drawRun(name, run) {
  const heading = document.createElement("h2");
  const camera = run.config?.camera;
  const title = typeof camera === "string" ? `${camera} · ${name}` : name;
  heading.textContent = `${title} · ${run.frames} frames`;
  const plot = document.createElement("div");
  plot.className = "plot";
  const facts = table([...flat(run.summary), ...flat(run.config)]);
  runPlot?.destroy();
  runPlot = undefined;
  const { label, choice } = measureChoice(run, plot);
  const isEmpty = choice.length === 0;
  $("run").replaceChildren(heading, ...(isEmpty ? [] : [label, plot]), facts);
  if (!isEmpty) choice.onchange();
}

/** Puts what happened in a run and its snapshots, which come after its plot, before its facts. */
function drawSnapshots(name, run, { count, some, alerts }) {
  const strip = document.createElement("div");
  strip.className = "strip";
  strip.append(...some.map((snapshot) => snapshotImage(name, snapshot)));
  const text = document.createElement("p");
  text.className = "quiet";
  const shown = some.length < count ? `${some.length} of ` : "";
  text.textContent = `${shown}${count} ${count === 1 ? "snapshot" : "snapshots"}`;
  $("run").lastChild.before(markList(name, run, alerts), strip, text);
}

async function listRuns() {
  const runs = await ask("api/runs");
  $("run-list").replaceChildren(...runs.map(({ name, camera }) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.dataset.run = name;
    button.textContent = camera === undefined ? name : `${camera} ${name}`;
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
  const isBusy = $("quit").open || drawing !== undefined;
  if (!settings.canQuit || !isLinked || isBusy || !isQuitKey(event)) return;
  event.preventDefault();
  $("quit").returnValue = "no";
  $("quit").showModal();
});
connect();
requestAnimationFrame(drawAll);
