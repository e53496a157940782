/**
 * The demo: runs every package on media that we made, and writes one page about that run.
 * `deno run -A jsr:@vcs/demo`, or `deno task demo` in the repository; all output goes into `demo/`.
 *
 * @module
 */
import { NODE_AV, SHARP } from "@vcs/media/internal";
import { ONNX_RUNTIME } from "@vcs/onnx/internal";
import {
  command,
  errorLine,
  file,
  findPart,
  installPart,
  megabytes,
  optionalOperand,
  runCommand,
  say,
} from "@vcs/transport/internal";
import config from "./deno.json" with { type: "json" };
import { emptyFolder, runDemo } from "./demo.ts";

/** Fetches what the four need before the first is timed, and says how much that is. */
async function prepare(signal: AbortSignal): Promise<void> {
  const parts = [NODE_AV, SHARP, ONNX_RUNTIME];
  const states = await Promise.all(parts.map((part) => findPart(part)));
  const missing = states.reduce((sum, { bytes }) => sum + bytes, 0);
  if (missing > 0) say(`To fetch before the demo begins: ${megabytes(missing)}`);
  for (const part of parts) {
    // What cannot go on without it says so itself; for node-av the programs of FFmpeg may serve.
    await installPart(part, { signal }).catch((error) => {
      signal.throwIfAborted();
      say(errorLine(error));
    });
  }
}

const demo = command({
  name: "demo",
  version: config.version,
  about: "run all four packages on a film, a voice and a camera, and make a page about it",
  operands: {
    folder: optionalOperand(file("FOLDER"), "where the page goes. Default: demo"),
  },
  async run({ operands: { folder = "demo" }, signal }) {
    await emptyFolder(folder);
    await prepare(signal);
    say(`The demo is done. Open this page in a browser:\n  ${await runDemo(folder)}`);
  },
});

if (import.meta.main) await runCommand(demo);
