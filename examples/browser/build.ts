/**
 * Builds the folder of static files that the pages are: `deno run -A examples/browser/build.ts
 * [FOLDER]`. Any web server can serve it; nothing is computed there.
 *
 * @module
 */
import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { say } from "@vcs/transport/internal";
import { bundle } from "#testing/bundle.ts";
import { npmFile } from "#testing/npm_package.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const WEIGHTS = new URL(
  "../../packages/encodec-stream/weights/encodec_tiny_24khz.safetensors",
  import.meta.url,
);

/** What codecs load where no `openModel` is given: never here. */
const NATIVE = ["./native.ts", "@vcs/onnx/devices"];

/**
 * Files of npm packages that the pages load beside the bundles.
 *
 * @throws {Error} where they can neither be found in the cache nor fetched
 */
export async function npmFiles(): Promise<URL[]> {
  const ort = await npmFile("onnxruntime-web@1.30.0/wasm");
  const mediabunny = await npmFile("mediabunny@1.61.0");
  return [
    new URL("ort.wasm.bundle.min.mjs", ort),
    new URL("ort-wasm-simd-threaded.wasm", ort),
    new URL("../../bundles/mediabunny.min.mjs", mediabunny),
  ];
}

/** Builds the folder. */
export async function buildPages(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const own = ["decode.html", "listen.html", "patches.html", "style.css"].map((name) =>
    join(HERE, name)
  );
  const urls = [...await npmFiles(), WEIGHTS].map((url) => fileURLToPath(url));
  for (const path of [...own, ...urls]) await copyFile(path, join(folder, basename(path)));
  const pages = ["decode_page.js", "listen_page.js", "patches_page.js"];
  await bundle(pages.map((name) => `${HERE}${name}`), folder, {
    minify: true,
    external: NATIVE,
  });
}

if (import.meta.main) {
  const [folder = "demo/browser"] = Deno.args;
  await buildPages(folder);
  say(`The pages are in ${folder}: serve it, and open decode.html or patches.html`);
}
