/**
 * The demo's step for `@vcs/patch-stream`: which patches of the film carry its energy.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DemoStep, runCommand } from "./step.ts";

const clip = fileURLToPath(new URL("./clip.mp4", import.meta.url));

/** Keeps a tenth of the film's patches, and makes the page that shows them. */
export const patchStreamStep: DemoStep = {
  name: "patch-stream",
  summary:
    "Sixteen frames of a six-second film, and of their patches only those that carry the energy.",
  async run(folder) {
    const target = join(folder, "patch-stream");
    const sampling = ["--k-keep", "640", "--key-frames", "first"];
    await runCommand("patch-stream", [clip, "--out-dir", target, "--view", ...sampling]);
    return [
      { href: "patch-stream/clip.html", label: "What was kept of each frame, and why" },
      { href: "patch-stream/clip.safetensors", label: "The patches, as safetensors" },
    ];
  },
};
