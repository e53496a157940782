import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { hasBrowser, withPage } from "./browser.ts";
import { bundle, hasBundler } from "./bundle.ts";
import { ROOT } from "./house.ts";
import { findBun, findNode } from "./npm_package.ts";
import type { Entry } from "./runtimes/check.ts";
import { findProgram, needs } from "./shared.ts";
import { serveFolders } from "./static_site.ts";

/** One module of `testing/runtimes/` for each part that runs everywhere. */
const ENTRIES = ["audio", "drift", "ecdc", "graphs", "messages", "mjpeg", "patches", "tensors"];
/** The oldest versions that READMEs promise. */
const [NODE_20, NODE_22, BUN] = ["20.12.0", "22.12.0", "1.3.3"];
const DRIVERS = fileURLToPath(new URL("./runtimes/drivers/", import.meta.url));

type Reports = Readonly<Record<string, unknown>>;

const bundles = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(bundles, { recursive: true }));
const bundling = makeBundles();
bundling.catch(() => {}); // Each test reports it.

async function makeBundles(): Promise<void> {
  await bundle(ENTRIES.map((name) => `testing/runtimes/${name}.ts`), bundles);
  await Deno.writeTextFile(`${bundles}/package.json`, '{ "type": "module" }');
}

/** What the entries report in Deno, not bundled. */
async function expected(): Promise<Reports> {
  const read = (path: string) => Deno.readFile(`${ROOT}/${path}`);
  const pairs = ENTRIES.map(async (name): Promise<[string, unknown]> => {
    const { default: run } = await import(`./runtimes/${name}.ts`) as { default: Entry };
    return [name, JSON.parse(JSON.stringify(await run(read)))];
  });
  return Object.fromEntries(await Promise.all(pairs));
}
const known = expected();
known.catch(() => {});

async function inProcess(program: string): Promise<Reports> {
  await bundling;
  const { stdout, stderr } = await new Deno.Command(program, {
    args: [`${DRIVERS}process.mjs`, bundles, ROOT, ...ENTRIES],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

async function inBrowser(fn: "runHere" | "runInWorker"): Promise<Reports> {
  await bundling;
  await using site = serveFolders({ "/bundles/": bundles, "/data/": ROOT, "/": DRIVERS });
  const expression = `import("/web.js").then((web) => web.${fn}(${JSON.stringify(ENTRIES)}))`;
  return await withPage(`${site.url}blank.html`, (page) => page.evaluate<Reports>(expression));
}

function sameReports(found: Reports, wanted: Reports): void {
  for (const name of ENTRIES) {
    assert.deepEqual(found[name], wanted[name], name);
  }
}

/** A test of a runtime, ignored where it cannot be had. */
function runtimeTest(name: string, isThere: boolean, run: () => Promise<Reports>): void {
  Deno.test({
    name: `what needs no FFI runs in ${name} as in Deno`,
    ...needs(isThere, hasBundler),
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => sameReports(await run(), await known),
  });
}

const programs = {
  [`Node ${NODE_20}`]: await findNode(NODE_20),
  [`Node ${NODE_22}`]: await findNode(NODE_22),
  "the Node of PATH": findProgram("node"),
  Bun: await findBun(BUN),
};

for (const [name, program] of Object.entries(programs)) {
  runtimeTest(name, program !== undefined, () => inProcess(program!));
}
runtimeTest("a page", hasBrowser, () => inBrowser("runHere"));
runtimeTest("a Web Worker", hasBrowser, () => inBrowser("runInWorker"));
