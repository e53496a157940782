/**
 * The demo: runs every package on media that we made, and writes one page about that run.
 * `deno task demo` starts it; all output goes into `demo/`.
 *
 * @module
 */
import { runMain, say } from "@vcs/transport/internal";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runDemo } from "./demo.ts";

const folder = fileURLToPath(new URL("../../demo/", import.meta.url));

await runMain("demo", async () => {
  await Deno.mkdir(folder, { recursive: true });
  for await (const { name } of Deno.readDir(folder)) {
    await Deno.remove(join(folder, name), { recursive: true }); // What an earlier demo left.
  }
  say(`The demo is done. Open this page in a browser:\n  ${await runDemo(folder)}`);
});
