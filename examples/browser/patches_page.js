/** The page that keeps patches of a dropped video. */
import { patchesOfVideo } from "./patches.ts";
import { $, onFile, say, showFacts } from "./page.js";

/** A resized frame with the patches that were not kept dimmed. */
function drawFrame(pixels, { targetW, targetH, gridW, patchSize }, kept) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [targetW, targetH];
  const image = new ImageData(targetW, targetH);
  for (let i = 0; i < targetW * targetH; i++) {
    const [x, y] = [i % targetW, Math.floor(i / targetW)];
    const cell = Math.floor(y / patchSize) * gridW + Math.floor(x / patchSize);
    const light = kept.has(cell) ? 1 : 0.2;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[3 * i + c] * light;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Cells of the grid that were kept, for each position of the sequence. */
function keptCells({ fields, grid, ids }) {
  const kept = ids.map(() => new Set());
  for (let n = 0; n < fields.shape[0]; n++) {
    const [position, , , , row, column] = Array.from(fields.data.slice(6 * n, 6 * n + 6), Number);
    kept[position].add(row * grid.gridW + column);
  }
  return kept;
}

function show(found, seconds) {
  const { grid, fields, ids, isKey, width, height } = found;
  const kept = keptCells(found);
  const figures = found.pixels.map((pixels, position) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const cells = kept[position];
    caption.textContent = `frame ${ids[position]}${isKey[position] ? ", key" : ""}: ${cells.size}`;
    figure.append(drawFrame(pixels, grid, cells), caption);
    return figure;
  });
  $("result").hidden = false;
  $("frames").replaceChildren(...figures);
  showFacts({
    "Video": `${width} × ${height}`,
    "Kept": `${fields.shape[0]} of ${ids.length * grid.gridW * grid.gridH} patches`,
    "Patch": `${grid.patchSize} × ${grid.patchSize} pixels`,
    "Time": `${seconds.toFixed(2)} s`,
  });
}

onFile(async (file) => {
  if (!globalThis.VideoDecoder) {
    throw new Error("Cannot decode: this browser has no WebCodecs (VideoDecoder)");
  }
  say("Decoding …");
  const media = await import(new URL("mediabunny.min.mjs", document.baseURI).href);
  const start = performance.now();
  const config = { kKeep: $("keep").valueAsNumber };
  const found = await patchesOfVideo(media, file, $("count").valueAsNumber, config);
  show(found, (performance.now() - start) / 1000);
  say("Done.");
  dispatchEvent(new CustomEvent("patches", { detail: found }));
});
