/** The page that decodes a dropped `.ecdc`. */
import { openDecoder, summarizeHeader } from "./decode.ts";
import { $, drawWave, onFile, openRuntime, say, showFacts } from "./page.js";

const MODEL = "encodec_tiny_24khz";

async function open() {
  const { ort, weights } = await openRuntime(MODEL);
  const decoder = await openDecoder(MODEL, weights, ort);
  say("Ready.");
  return decoder;
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
