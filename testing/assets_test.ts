import assert from "node:assert/strict";
import { join } from "node:path";
import { ASSET_MODULES, assetModule } from "./assets.ts";
import { readText } from "./house.ts";

for (const module of ASSET_MODULES) {
  const path = join(module.folder, "assets.ts");
  Deno.test(`${path} is what \`deno task assets\` writes`, async () => {
    assert.equal(await readText(path), await assetModule(module));
  });
}

Deno.test("a page's text comes out of its module as it went in", async () => {
  const { ASSETS } = await import("../packages/clip-drift/page/assets.ts");
  assert.equal(ASSETS["/page.js"], await readText("packages/clip-drift/page/page.js"));
  assert.equal(ASSETS["/page.css"], await readText("packages/clip-drift/page/page.css"));
  const plot = await Deno.readTextFile(
    new URL(import.meta.resolve("uplot/dist/uPlot.iife.min.js")),
  );
  assert.equal(ASSETS["/plot.js"], plot);
});
