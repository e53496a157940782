/**
 * The demo: runs every package on media that we made, and writes one page about that run.
 * `deno run -A jsr:@vcs/demo`, or `deno task demo` in the repository; all output goes into `demo/`.
 *
 * @module
 */
import { command, file, optionalOperand, runCommand, say } from "@vcs/transport/internal";
import config from "./deno.json" with { type: "json" };
import { emptyFolder, runDemo } from "./demo.ts";

const demo = command({
  name: "demo",
  version: config.version,
  about: "run all four packages on a film, a voice and a camera, and make a page about it",
  operands: {
    folder: optionalOperand(file("FOLDER"), "where the page goes. Default: demo"),
  },
  async run({ operands: { folder = "demo" } }) {
    await emptyFolder(folder);
    say(`The demo is done. Open this page in a browser:\n  ${await runDemo(folder)}`);
  },
});

if (import.meta.main) await runCommand(demo);
