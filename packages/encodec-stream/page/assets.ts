// deno-fmt-ignore-file
/**
 * Files of the page. Written by `deno task assets` from
 * index.html, player.js, style.css: change those.
 *
 * @module
 */

/** Files by the path at which they are served. */
export const ASSETS: Readonly<Record<"/" | "/player.js" | "/style.css", string>> = {
  "/": `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="icon" href="data:,">
    <title>encodec-stream</title>
    <link rel="stylesheet" href="/style.css">
  </head>
  <body>
    <main>
      <form id="open">
        <label class="file">Open a file<input id="file" type="file" accept=".ecdc"></label>
        <input id="url" type="url" placeholder="or a URL: https://…/song.ecdc" aria-label="URL">
        <button>Open</button>
      </form>
      <section id="player" hidden>
        <header>
          <button id="play" aria-label="Play">▶</button>
          <div>
            <h1 id="title"></h1>
            <p id="about"></p>
          </div>
          <output id="time">0:00 / 0:00</output>
        </header>
        <canvas id="wave" tabindex="0" role="slider" aria-label="Position"
          aria-valuemin="0"></canvas>
        <dl>
          <div>
            <dt>Buffered ahead</dt>
            <dd><meter id="meter" min="0" max="10" value="0"></meter> <span id="buffered">0.0 s</span></dd>
          </div>
          <div>
            <dt>Decoding speed</dt>
            <dd id="speed">–</dd>
          </div>
          <div>
            <dt>First sound after</dt>
            <dd id="first">–</dd>
          </div>
          <div>
            <dt>Seeks</dt>
            <dd id="seek">–</dd>
          </div>
          <div>
            <dt>State</dt>
            <dd id="state">ready</dd>
          </div>
        </dl>
      </section>
      <audio id="silence" src="/silence.wav" loop></audio>
      <p id="message" role="alert"></p>
    </main>
    <script type="module" src="/player.js"></script>
  </body>
</html>
`,
  "/player.js": `/**
 * Plays what the server decodes: takes frames while less than ten seconds are buffered, schedules
 * them one after the other, and draws the waveform.
 */

const RATE = 48000;
const AHEAD = 10;
const FRAME_HEAD = 16;
const BARS = 600;

const $ = (id) => document.getElementById(id);
const canvas = $("wave");

/** Colours of the style sheet as the canvas understands them: resolved for light or dark. */
let colors = {};
function readColors() {
  const probe = document.body.appendChild(document.createElement("i"));
  for (const name of ["accent", "ink", "line", "outline", "quiet"]) {
    probe.style.color = \`var(--\${name})\`;
    colors = { ...colors, [name]: getComputedStyle(probe).color };
  }
  probe.remove();
}
readColors();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readColors);

/** The open file, or undefined. */
let file;
/** The peaks so far, one for each bar of the waveform. */
let peaks = new Float32Array(BARS);
/** What plays now, or undefined. */
let playing;
/** Where sound goes, from the first one on: one for all seeks, because to make one takes time. */
let output;
/** Number of this page, by which the server ends what a seek gives up. */
const page = crypto.randomUUID?.() ?? \`\${Math.random()}\`;

/** Takes exact numbers of bytes from a response. */
class Bytes {
  #reader;
  #held = new Uint8Array(0);

  constructor(body) {
    this.#reader = body.getReader();
  }

  async take(count) {
    while (this.#held.length < count) {
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      const joined = new Uint8Array(this.#held.length + value.length);
      joined.set(this.#held);
      joined.set(value, this.#held.length);
      this.#held = joined;
    }
    const taken = this.#held.slice(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** The rest, as text. */
  async text() {
    await this.take(Infinity);
    return new TextDecoder().decode(this.#held);
  }
}

/** Playback from some second on, until the end or the next seek. */
class Playback {
  #abort = new AbortController();
  /** What is scheduled goes through it, and is cut off with it. */
  #out;
  #isPaused;
  #from;
  #asked = performance.now();
  #startedAt;
  #decoded = 0;
  #spent = 0;
  ended = false;

  /** \`wait\` is how long another seek may make this one needless; a paused player stays paused. */
  constructor(from, wait = 0, isPaused = false) {
    this.#from = from;
    this.#isPaused = isPaused;
    this.#start(wait).catch((error) => {
      if (error.name !== "AbortError") showMessage(\`Playing ended: \${error.message}\`);
    }).finally(() => this.ended = true);
  }

  get paused() {
    return this.#isPaused;
  }

  async #start(wait) {
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    if (this.#abort.signal.aborted) return;
    output ??= new AudioContext({ sampleRate: RATE });
    this.#out = output.createGain();
    this.#out.connect(output.destination);
    if (this.#isPaused) await output.suspend();
    else output.resume();
    await this.#fill();
  }

  /** Second that is being played. */
  get position() {
    if (this.#startedAt === undefined) return this.#from;
    const heard = Math.max(0, output.currentTime - this.#startedAt);
    return this.#from + Math.min(heard, this.#decoded);
  }

  /** Seconds that are decoded and not yet played. */
  get buffered() {
    return Math.max(0, this.#from + this.#decoded - this.position);
  }

  /** Seconds of audio per second of decoding. */
  get speed() {
    return this.#spent > 0 ? this.#decoded / this.#spent : 0;
  }

  /** Takes all of it. The server drops a page that pauses for long, which asks for the rest. */
  async #fill() {
    for (;;) {
      const before = this.#decoded;
      try {
        return await this.#take();
      } catch (error) {
        const isCut = error instanceof TypeError && before < this.#decoded;
        if (!isCut) throw error;
      }
    }
  }

  async #take() {
    const query = new URLSearchParams({ id: file.id, from: this.#from + this.#decoded, page });
    const response = await fetch(\`/audio?\${query}\`, { signal: this.#abort.signal });
    if (!response.ok) throw new Error(await reason(response));
    const bytes = new Bytes(response.body);
    for (let head; (head = await bytes.take(FRAME_HEAD));) {
      const view = new DataView(head.buffer);
      const length = view.getUint32(8, true);
      if (length === 0) throw new Error(await bytes.text());
      const samples = await bytes.take(length * 4);
      if (!samples) break;
      this.#play(new Int16Array(samples.buffer), view.getFloat64(0, true), length);
      this.#spent += view.getFloat32(12, true) / 1000;
      while (this.buffered > AHEAD) await new Promise((done) => setTimeout(done, 100));
    }
  }

  #play(samples, start, length) {
    const buffer = output.createBuffer(2, length, RATE);
    for (let c = 0; c < 2; c++) {
      const channel = buffer.getChannelData(c);
      for (let i = 0; i < length; i++) channel[i] = samples[2 * i + c] / 32768;
    }
    addPeaks(samples, start, length);
    if (this.#startedAt === undefined) {
      this.#startedAt = output.currentTime + 0.02;
      $("first").textContent = \`\${Math.round(performance.now() - this.#asked)} ms\`;
    }
    const source = output.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#out);
    // If decoding was too slow, the rest is delayed: nothing is skipped.
    const due = this.#startedAt + this.#decoded;
    const late = Math.max(0, output.currentTime - due);
    this.#startedAt += late;
    source.start(due + late);
    this.#decoded += length / RATE;
  }

  /** Pauses, or goes on. */
  toggle() {
    this.#isPaused = !this.#isPaused;
    if (this.#isPaused) output?.suspend();
    else output?.resume();
  }

  stop() {
    this.#abort.abort();
    this.#out?.disconnect();
  }
}

function addPeaks(samples, start, length) {
  const scale = BARS / (file.duration * RATE);
  for (let i = 0; i < length; i++) {
    const bar = Math.min(BARS - 1, Math.floor((start + i) * scale));
    const peak = Math.max(Math.abs(samples[2 * i]), Math.abs(samples[2 * i + 1])) / 32768;
    if (peak > peaks[bar]) peaks[bar] = peak;
  }
}

/** Milliseconds that a seek waits for a newer one: longer than a held key takes to repeat. */
const SETTLE = 40;

/** Plays from a second on; in a stream without a known length only from its start. */
function seek(second) {
  if (!Number.isFinite(second)) return;
  const isSeek = playing !== undefined;
  const isPaused = isSeek && playing.paused;
  playing?.stop();
  const from = Math.min(Math.max(0, second), file.duration);
  playing = new Playback(from, isSeek ? SETTLE : 0, isPaused);
}

function isPlaying() {
  return playing !== undefined && !playing.paused && stateOf() !== "at the end";
}

/** Plays or pauses, from the start after the end. */
function toggle(wanted = !isPlaying()) {
  if (!file || wanted === isPlaying()) return;
  if (!playing || stateOf() === "at the end") seek(0);
  else playing.toggle();
  tellSystem();
}

const skip = (seconds) => seek((playing?.position ?? 0) + seconds);

/** What keys do wherever the focus is, but in a field; a button takes its own Space. */
const KEYS = {
  " ": () => toggle(),
  Home: () => seek(0),
  End: () => seek(file.duration),
  ArrowLeft: () => skip(-5),
  ArrowRight: () => skip(5),
};

/** The same from the keys of a keyboard, a headset or a lock screen. */
const ACTIONS = {
  play: () => toggle(true),
  pause: () => toggle(false),
  stop: () => toggle(false),
  seekbackward: ({ seekOffset = 5 }) => skip(-seekOffset),
  seekforward: ({ seekOffset = 5 }) => skip(seekOffset),
  seekto: ({ seekTime }) => seek(seekTime),
};

const session = navigator.mediaSession;
for (const [name, act] of Object.entries(ACTIONS)) {
  try {
    session?.setActionHandler(name, (details) => file && act(details));
  } catch {
    // A browser that does not know the action has no key for it.
  }
}

/** Whether the system was last told that something plays. */
let toldPlaying;

/** Tells the system whether something plays: it gives media keys to media elements alone. */
function tellSystem() {
  const now = isPlaying();
  if (now === toldPlaying) return;
  toldPlaying = now;
  if (session) session.playbackState = now ? "playing" : "paused";
  if (now) $("silence").play().catch(() => {});
  else $("silence").pause();
}

async function reason(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).message;
  } catch {
    return text;
  }
}

function showMessage(text) {
  $("message").textContent = text;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const rest = [Math.floor(whole / 60) % 60, whole % 60].map((n) => \`\${n}\`.padStart(2, "0"));
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? \`\${hours}:\${rest.join(":")}\` : \`\${Number(rest[0])}:\${rest[1]}\`;
}

/** The last part of a path or URL, for files without a title. */
function nameOf(path) {
  const last = path.replace(/[?#].*$/, "").split(/[/\\\\]/).findLast((part) => part !== "") ?? path;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** What a seek is like. */
function seekText({ preroll }) {
  if (!preroll) return "exact";
  const { seconds, decibels, isRandom } = preroll;
  const error = decibels === null ? "error not measured" : \`error −\${-decibels} dB\`;
  return \`\${seconds} s of preroll, \${error}\${isRandom ? " (random weights)" : ""}\`;
}

async function open(init, query, name) {
  showMessage("");
  const response = await fetch(\`/open\${query}\`, { method: "POST", ...init });
  if (!response.ok) return showMessage(await reason(response));
  playing?.stop();
  playing = undefined;
  file = await response.json();
  // A stream that does not know its length.
  file.duration ??= Infinity;
  file.outline = new Float32Array(Math.min(file.segments ?? 0, BARS));
  fillOutline(file).catch(() => {});
  peaks = new Float32Array(BARS);
  $("player").hidden = false;
  const title = file.title ?? nameOf(name);
  $("title").textContent = title;
  if (session) session.metadata = new MediaMetadata({ title });
  $("seek").textContent = seekText(file);
  $("about").textContent = \`\${file.model}, \${Number(file.bitrate.toFixed(2))} kbit/s\` +
    (file.source ? \`, from \${file.source}\` : "");
  if (file.held !== null) {
    showMessage(\`The file is cut off: \${clock(file.held)} of \${clock(file.duration)} is there\`);
  }
  canvas.setAttribute("aria-valuemax", file.duration);
}

function openSource(source) {
  open({}, \`?\${new URLSearchParams({ source })}\`, source);
}

/** Fills the outline as it comes: of a remote file long after it plays. */
async function fillOutline(into) {
  const response = await fetch(\`/outline?\${new URLSearchParams({ id: into.id })}\`);
  const bytes = new Bytes(response.body);
  const { outline, segments } = into;
  for (let i = 0; i < segments; i++) {
    const scale = await bytes.take(4);
    if (!scale || file !== into) return;
    // A segment's scale is its loudness; peaks of music are about three times that.
    const peak = 3 * new DataView(scale.buffer).getFloat32(0, true);
    const bar = Math.floor(i * outline.length / segments);
    outline[bar] = Math.max(outline[bar], peak);
  }
}

/** Bars of a part of the width, up to an end. */
function drawBars(context, width, height, values, color, end = values.length) {
  context.fillStyle = color;
  const step = width / values.length;
  for (let i = 0; i < end; i++) {
    const tall = Math.max(1, Math.min(1, values[i]) * (height - 8));
    context.fillRect(i * step, (height - tall) / 2, Math.max(1, step - 0.6), tall);
  }
}

function draw() {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== width * ratio) {
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const position = playing?.position ?? 0;
  const x = (second) => second / file.duration * width;
  const { outline } = file;
  // What is missing from a file that was cut off stays empty.
  const there = (file.held ?? file.duration) / file.duration;
  drawBars(context, width, height, outline, colors.outline, Math.round(there * outline.length));
  drawBars(context, width, height, peaks, colors.quiet, Math.ceil(there * peaks.length));
  const heard = Math.floor(position / file.duration * BARS);
  drawBars(context, width, height, peaks, colors.accent, heard);
  context.fillStyle = colors.line;
  context.fillRect(x(position), height - 3, x(playing?.buffered ?? 0), 3);
  context.fillStyle = colors.ink;
  context.fillRect(x(position) - 1, 0, 2, height);
}

function stateOf() {
  if (!playing) return "ready";
  if (playing.paused) return "paused";
  if (playing.ended && playing.buffered === 0) return "at the end";
  return playing.buffered > 0 ? "playing" : "waiting for audio";
}

function show() {
  if (file) {
    draw();
    const { position = 0, buffered = 0, speed = 0 } = playing ?? {};
    const whole = file.duration < Infinity ? clock(file.duration) : "live";
    $("time").textContent = \`\${clock(position)} / \${whole}\`;
    $("buffered").textContent = \`\${buffered.toFixed(1)} s\`;
    $("meter").value = buffered;
    $("speed").textContent = speed > 0 ? \`\${speed.toFixed(1)}× real time\` : "–";
    $("state").textContent = stateOf();
    tellSystem();
    $("play").textContent = isPlaying() ? "❚❚" : "▶";
    $("play").setAttribute("aria-label", isPlaying() ? "Pause" : "Play");
    canvas.setAttribute("aria-valuenow", position.toFixed(2));
  }
  requestAnimationFrame(show);
}

$("open").addEventListener("submit", (event) => {
  event.preventDefault();
  const source = $("url").value;
  if (source) openSource(source);
});
$("file").addEventListener("change", () => {
  const [chosen] = $("file").files;
  if (chosen) open({ body: chosen }, "", chosen.name);
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  const [dropped] = event.dataTransfer.files;
  if (dropped) open({ body: dropped }, "", dropped.name);
});
$("play").addEventListener("click", () => toggle());
canvas.addEventListener("click", (event) => {
  const { left, width } = canvas.getBoundingClientRect();
  seek((event.clientX - left) / width * file.duration);
});
addEventListener("keydown", (event) => {
  const { key, target } = event;
  const act = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
  const isOwn = target.matches("input") || (key === " " && target.matches("button"));
  if (!file || !act || isOwn || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  act();
});

const { file: first } = await (await fetch("/start")).json();
if (first) openSource(first);
show();
`,
  "/style.css": `:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f5f1, #16181c);
  --panel: light-dark(#ffffff, #1f2228);
  --ink: light-dark(#1d1f24, #e9e7e1);
  --quiet: light-dark(#6b6e76, #9a9da6);
  --line: light-dark(#dcdad3, #343841);
  --accent: light-dark(#b4451f, #ff9a66);
  --outline: light-dark(#d8d4c8, #3a3e47);
}

* {
  box-sizing: border-box;
}

body {
  margin: 0;
  min-height: 100vh;
  display: grid;
  place-items: center;
  background: var(--ground);
  color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif;
}

main {
  width: min(960px, 94vw);
  padding: 24px 0;
}

form {
  display: flex;
  gap: 8px;
  margin-bottom: 16px;
}

form input[type="url"] {
  flex: 1;
  min-width: 0;
}

button,
.file,
input[type="url"] {
  font: inherit;
  color: inherit;
  padding: 8px 14px;
  border: 1px solid var(--line);
  border-radius: 8px;
  background: var(--panel);
}

button,
.file {
  cursor: pointer;
}

.file input {
  position: absolute;
  opacity: 0;
  width: 0;
}

.file:focus-within,
:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 2px;
}

#player {
  padding: 20px;
  border: 1px solid var(--line);
  border-radius: 14px;
  background: var(--panel);
}

header {
  display: grid;
  grid-template-columns: auto 1fr auto;
  gap: 16px;
  align-items: center;
}

#play {
  width: 52px;
  height: 52px;
  padding: 0;
  border: 0;
  border-radius: 50%;
  background: var(--accent);
  color: var(--panel);
  font-size: 19px;
}

h1 {
  margin: 0;
  font-size: 20px;
  overflow-wrap: anywhere;
}

#about,
dt {
  margin: 0;
  color: var(--quiet);
  font-size: 13px;
}

#time,
dd {
  font-variant-numeric: tabular-nums;
}

canvas {
  display: block;
  width: 100%;
  height: 150px;
  margin: 18px 0;
  border-radius: 8px;
  cursor: pointer;
  touch-action: none;
}

dl {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
  gap: 12px;
  margin: 0;
}

dd {
  margin: 2px 0 0;
  font-size: 17px;
}

meter {
  width: 60px;
}

#message {
  color: var(--accent);
  min-height: 1.5em;
}
`,
};
