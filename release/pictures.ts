/**
 * Takes the READMEs' pictures from the page of the last `deno task demo`: `deno run -A release/pictures.ts`.
 *
 * @module
 */
import { openBrowser, openPage } from "#testing/browser.ts";
import { ROOT } from "#testing/house.ts";
import { say } from "@vcs/transport/internal";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** What of the page is shown of each package. */
const PICTURES = {
  "patch-stream": "#stage",
  "video-vq": "#video-vq .pair",
  "encodec-stream": "#encodec-stream figure",
  "clip-drift": "#clip-drift figure:has(#drift)",
};

if (import.meta.main) {
  await using browser = await openBrowser();
  const page = await openPage(browser, { viewport: { width: 720, height: 900 } });
  await page.goto(pathToFileURL(join(ROOT, "demo/index.html")).href);
  for (const [name, selector] of Object.entries(PICTURES)) {
    const path = join(ROOT, "packages", name, "picture.jpg");
    await page.locator(selector).first().screenshot({ path, type: "jpeg", quality: 70 });
    say(`wrote ${path}`);
  }
}
