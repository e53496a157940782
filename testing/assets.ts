/**
 * Pages as modules. The registry takes no imports of text, and what a module reads from beside it
 * is neither cached nor there without network; so each page's files are written into one module
 * of strings. `deno task assets` writes them, and a test holds them equal to their sources.
 *
 * @module
 */
import { say } from "@vcs/transport/internal";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readText, ROOT } from "./house.ts";

/** A module and what it is made from. */
interface AssetModule {
  /** Folder of the page, where the module is written as `assets.ts`. */
  readonly folder: string;
  /** Source of each path at which the page serves a file: beside the module, or of an npm package. */
  readonly sources: Readonly<Record<string, string>>;
  /** Licence of what is from npm. */
  readonly licence?: string;
}

/** The modules that are made. */
export const ASSET_MODULES: readonly AssetModule[] = [
  { folder: "apps/demo/page", sources: { "/page.css": "page.css", "/page.js": "page.js" } },
  {
    folder: "packages/clip-drift/page",
    sources: {
      "/": "page.html",
      "/page.css": "page.css",
      "/page.js": "page.js",
      "/regions.js": "regions.js",
      "/plot.css": "uplot/dist/uPlot.min.css",
      "/plot.js": "uplot/dist/uPlot.iife.min.js",
    },
    licence: "uplot/LICENSE",
  },
  {
    folder: "packages/encodec-stream/page",
    sources: { "/": "index.html", "/player.js": "player.js", "/style.css": "style.css" },
  },
  {
    folder: "packages/video-vq/page",
    sources: { "/": "index.html", "/view.js": "view.js", "/style.css": "style.css" },
  },
  {
    folder: "packages/together/page",
    sources: {
      "/": "index.html",
      "/player.js": "player.js",
      "/view.js": "view.js",
      "/style.css": "style.css",
    },
  },
];

/** Text of a source. */
async function readSource(folder: string, source: string): Promise<string> {
  return source.startsWith("uplot/")
    ? await Deno.readTextFile(fileURLToPath(import.meta.resolve(source)))
    : await readText(join(folder, source));
}

/** A text as a template literal, line for line. */
function literal(text: string): string {
  return "`" + text.replaceAll(/[\\`]|\$\{/g, "\\$&") + "`";
}

/** A text as lines of a block comment. */
function commentLines(text: string): string {
  return text.trim().split("\n").map((line) => ` * ${line}`.trimEnd() + "\n").join("");
}

/** Text of a module. */
export async function assetModule({ folder, sources, licence }: AssetModule): Promise<string> {
  const names = Object.values(sources).map((source) => source.split("/").at(-1)!);
  const entries = await Promise.all(
    Object.entries(sources).map(async ([path, source]) =>
      `  ${JSON.stringify(path)}: ${literal(await readSource(folder, source))},\n`
    ),
  );
  const notice = licence === undefined
    ? ""
    : ` *\n * ${licence.replace("/", "'s ")}:\n *\n${
      commentLines(await readSource(folder, licence))
    }`;
  const type = Object.keys(sources).map((path) => JSON.stringify(path)).join(" | ");
  return "// deno-fmt-ignore-file\n/**\n * Files of the page. Written by `deno task assets` from\n" +
    ` * ${names.join(", ")}: change those.\n${notice} *\n * @module\n */\n\n` +
    "/** Files by the path at which they are served. */\n" +
    `export const ASSETS: Readonly<Record<${type}, string>> = {\n${entries.join("")}};\n`;
}

if (import.meta.main) {
  for (const module of ASSET_MODULES) {
    const path = join(module.folder, "assets.ts");
    await Deno.writeTextFile(join(ROOT, path), await assetModule(module));
    say(`Wrote ${path}`);
  }
}
