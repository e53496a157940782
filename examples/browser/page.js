/** What the pages do: take a file by drop or by choice, say what goes on, draw a signal. */

/** The element of an id. */
export const $ = (id) => document.getElementById(id);

/** Shows what goes on, or what went wrong. */
export function say(text, isError = false) {
  $("state").textContent = text;
  $("state").classList.toggle("error", isError);
}

/** Shows names and values. */
export function showFacts(facts) {
  const cells = Object.entries(facts).flatMap(([name, value]) => {
    const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    detail.textContent = value;
    const row = document.createElement("div");
    row.append(term, detail);
    return row;
  });
  $("facts").replaceChildren(...cells);
}

/** Calls a function with each file that is dropped on the page or chosen, one at a time. */
export function onFile(use) {
  let last = Promise.resolve();
  const take = (file) => {
    if (!file) return;
    last = last.then(() => use(file)).catch((error) => say(error.message, true));
  };
  const drop = $("drop");
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", () => drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  $("file").addEventListener("change", ({ target }) => take(target.files[0]));
}

async function fetched(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`Cannot fetch ${name}: HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** onnxruntime-web, and the weights of a model. */
export async function openRuntime(model) {
  const runtime = new URL("ort.wasm.bundle.min.mjs", document.baseURI).href;
  const [ort, weights] = await Promise.all([import(runtime), fetched(`${model}.safetensors`)]);
  ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", document.baseURI).href };
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  return { ort, weights };
}

/** Draws the loudest samples of each column. */
export function drawWave(samples) {
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
