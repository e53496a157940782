// Follows the sender and the receiver, and draws what they report.

const HEADER = 16;
/** Source frames that are kept until the same frame comes back from its tokens. */
const KEPT = 400;
const POINTS = 120;

const element = (id) => document.getElementById(id);
const sources = new Map();
const series = { bitrate: [], delay: [], psnr: [], ring: [] };
const shown = { source: 0, copy: 0, psnr: 0, compared: 0, since: performance.now() };
let sender = {};
let receiver = {};
let lastBytes = { bytes: 0, sent: 0 };
/** Whether the source of a copy was here yet: who comes late has to wait for one. */
let isPaired = false;

function readFrame(buffer) {
  const view = new DataView(buffer);
  return {
    number: view.getUint32(0, true),
    width: view.getUint16(4, true),
    height: view.getUint16(6, true),
    capturedAt: view.getFloat64(8, true),
    rgb: new Uint8Array(buffer, HEADER),
  };
}

function draw(canvas, { width, height, rgb }) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data[4 * i] = rgb[3 * i];
    image.data[4 * i + 1] = rgb[3 * i + 1];
    image.data[4 * i + 2] = rgb[3 * i + 2];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function psnrOf(a, b) {
  if (a.length !== b.length) return undefined;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum === 0 ? 99 : 10 * Math.log10(255 ** 2 * a.length / sum);
}

function onSource(frame) {
  sources.delete(frame.number); // of a sender that was here before
  sources.set(frame.number, frame);
  if (sources.size > KEPT) sources.delete(sources.keys().next().value);
  if (element("aligned").checked && isPaired) return;
  draw(element("source"), frame);
  shown.source++;
}

/** The source of a copy; its time may have been rounded the other way. */
function sourceOf(number) {
  return sources.get(number) ?? sources.get(number - 1) ?? sources.get(number + 1);
}

function onCopy(frame) {
  draw(element("copy"), frame);
  shown.copy++;
  if (frame.capturedAt > 0) push("delay", (Date.now() - frame.capturedAt) / 1000);
  const source = sourceOf(frame.number);
  if (!source) return;
  isPaired = true;
  const psnr = psnrOf(source.rgb, frame.rgb);
  if (psnr !== undefined) {
    shown.psnr += psnr;
    shown.compared++;
  }
  if (element("aligned").checked) {
    draw(element("source"), source);
    shown.source++;
  }
}

function push(name, value) {
  const values = series[name];
  values.push(value);
  if (values.length > POINTS) values.shift();
}

function spark(name) {
  const canvas = element(`${name}-spark`);
  const values = series[name];
  const ratio = devicePixelRatio;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const context = canvas.getContext("2d");
  const most = Math.max(...values, 1e-9);
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 1.5 * ratio;
  context.beginPath();
  values.forEach((value, i) => {
    const x = i / (POINTS - 1) * canvas.width;
    const y = canvas.height - value / most * (canvas.height - 4) - 2;
    if (i === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.stroke();
}

function row(id, cells) {
  const found = element(`row-${id}`).querySelectorAll("td");
  cells.forEach((cell, i) => found[i].textContent = cell);
}

const milliseconds = (seconds) => seconds === undefined ? "–" : `${(seconds * 1000).toFixed(0)} ms`;

function rowOf(id, summary, now, counted) {
  row(id, [now, milliseconds(summary?.p50), milliseconds(summary?.p99), counted]);
}

function showStages() {
  const { send } = sender;
  const { receive } = receiver;
  if (send) {
    rowOf(
      "encode",
      send.encode,
      `${Math.round(100 * send.utilisation)} % busy`,
      `${send.encoded} windows`,
    );
    const dropped = `${send.droppedCount} windows and ${send.framesDropped} frames dropped`;
    row("queue", [
      `${send.queue.depth} waiting, ${send.inFlight.now} on their way`,
      "",
      "",
      dropped,
    ]);
  }
  if (receive) {
    rowOf("transfer", receive.transfer, "", `${receive.received} windows`);
    row("receive", [
      `${receive.queue.depth} waiting`,
      "",
      "",
      `${receive.missingCount} missing, ${receive.duplicates} twice`,
    ]);
    rowOf(
      "decode",
      receive.decode,
      `${Math.round(100 * receive.utilisation)} % busy`,
      `${receive.decoded} windows`,
    );
    const { fill, encode, transfer, decode, hold, expected } = receive.latency;
    element("formula").textContent =
      `The terms of the delay: ${fill.toFixed(3)} s to fill a window + ` +
      `${encode.toFixed(3)} s encode + ${transfer.toFixed(3)} s transfer + ${
        decode.toFixed(3)
      } s decode + ${hold.toFixed(3)} s until it is shown = ${expected.toFixed(3)} s`;
  }
}

function showFigures() {
  const seconds = (performance.now() - shown.since) / 1000;
  const { send, fps } = sender;
  if (send && send.sent > lastBytes.sent) {
    const windows = send.sent - lastBytes.sent;
    const bytes = (send.bytes - lastBytes.bytes) / windows;
    push("bitrate", bytes * 8 * fps / 17 / 1000);
    element("bitrate").textContent = `${series.bitrate.at(-1).toFixed(1)} kbit/s`;
    lastBytes = { bytes: send.bytes, sent: send.sent };
  }
  if (shown.compared > 0) {
    push("psnr", shown.psnr / shown.compared);
    element("psnr").textContent = `${series.psnr.at(-1).toFixed(1)} dB`;
  }
  if (receiver.ring) {
    push("ring", receiver.ring.depth);
    element("ring").textContent = `${receiver.ring.depth} (${receiver.ring.underruns} underruns)`;
  }
  if (series.delay.length > 0) element("delay").textContent = `${series.delay.at(-1).toFixed(2)} s`;
  element("source-rate").textContent = `${(shown.source / seconds).toFixed(0)} frames/s`;
  element("copy-rate").textContent = `${(shown.copy / seconds).toFixed(0)} frames/s`;
  Object.assign(shown, { source: 0, copy: 0, psnr: 0, compared: 0, since: performance.now() });
  for (const name of Object.keys(series)) spark(name);
  showStages();
}

/** Follows a feed, and reconnects when the connection ends. */
function follow(url, onFrame, onState) {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") onState(JSON.parse(data));
    else onFrame(readFrame(data));
  };
  socket.onclose = () => setTimeout(() => follow(url, onFrame, onState), 1000);
}

const here = location.origin.replace(/^http/, "ws");
follow(`${here}/copy`, onCopy, (state) => receiver = state);
follow(`${here}/source`, onSource, (state) => {
  sender = state;
  element("about").textContent = `${state.source} → ${state.encoder}`;
});
setInterval(showFigures, 1000);
