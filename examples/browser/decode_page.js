/** The page that decodes a dropped `.ecdc`. */
import { openDecoder, summarizeHeader } from "./decode.ts";
import { $, onFile, say, showFacts } from "./page.js";

const MODEL = "encodec_tiny_24khz";

async function fetched(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`Cannot fetch ${name}: HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function open() {
  const runtime = new URL("ort.wasm.bundle.min.mjs", document.baseURI).href;
  const [ort, weights] = await Promise.all([import(runtime), fetched(`${MODEL}.safetensors`)]);
  ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", document.baseURI).href };
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  const decoder = await openDecoder(MODEL, weights, ort);
  say("Ready.");
  return decoder;
}

/** Draws the loudest samples of each column. */
function drawWave(samples) {
  const canvas = $("wave");
  const scale = globalThis.devicePixelRatio;
  canvas.width = canvas.clientWidth * scale;
  canvas.height = canvas.clientHeight * scale;
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).color;
  const middle = canvas.height / 2;
  for (let x = 0; x < canvas.width; x++) {
    const from = Math.floor(x / canvas.width * samples.length);
    const to = Math.ceil((x + 1) / canvas.width * samples.length);
    const [low, high] = samples.subarray(from, to)
      .reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [0, 0]);
    context.fillRect(x, middle * (1 - high), 1, Math.max(1, middle * (high - low)));
  }
}

let urls = [];

function show(name, { header, channels, wav }, seconds) {
  $("result").hidden = false;
  $("title").textContent = header.title ?? name;
  drawWave(channels[0]);
  urls.forEach(URL.revokeObjectURL);
  urls = [URL.createObjectURL(new Blob([wav], { type: "audio/wav" }))];
  $("audio").src = $("wav").href = urls[0];
  const summary = summarizeHeader(header);
  showFacts({
    "Length": `${header.duration.toFixed(2)} s`,
    "Bitrate": `${summary.bitrate} kbit/s`,
    "Codebooks": summary.codebooks,
    "Decoded in": `${seconds.toFixed(2)} s, ${(header.duration / seconds).toFixed(1)} × real time`,
  });
  // Browsers refuse to play before the page was touched; the button is there.
  $("audio").play().catch(() => {});
}

const opening = open();
opening.catch((error) => say(error.message, true));

onFile(async (file) => {
  const decoder = await opening;
  const start = performance.now();
  const bytes = new Uint8Array(await file.arrayBuffer());
  const decoded = await decoder.decode(bytes, ({ start, channels }, { samples }) => {
    say(`Decoded ${Math.round(100 * (start + channels[0].length) / samples)} %`);
  });
  show(file.name, decoded, (performance.now() - start) / 1000);
  say("Decoded.");
});
