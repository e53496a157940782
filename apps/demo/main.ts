/**
 * The demo: runs every command on media that we made, and writes one page that links the results.
 * `deno task demo` starts it; all output goes into `demo/`.
 *
 * @module
 */
import { say } from "@vcs/transport/cli";
import { fileURLToPath } from "node:url";
import { clipDriftStep } from "./clip_drift.ts";
import { indexPage } from "./index_page.ts";
import { patchStreamStep } from "./patch_stream.ts";
import type { DemoStep } from "./step.ts";
import { videoVqStep } from "./video_vq.ts";

/** One step for each command, in the order of the page. */
const STEPS: readonly DemoStep[] = [patchStreamStep, videoVqStep, clipDriftStep];

const folder = fileURLToPath(new URL("../../demo/", import.meta.url));
await Deno.mkdir(folder, { recursive: true });
for await (const { name } of Deno.readDir(folder)) {
  await Deno.remove(`${folder}${name}`, { recursive: true }); // What an earlier demo left.
}
const sections = [];
for (const step of STEPS) sections.push({ step, results: await step.run(folder) });
const page = `${folder}index.html`;
await Deno.writeTextFile(page, indexPage(sections));
say(`The demo is done. Open this page in a browser:\n  ${page}`);
