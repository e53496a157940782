// deno-lint-ignore-file no-console -- what a program prints is its result
/**
 * Lists the cuts of a video, and of how many frames each scene is:
 *
 *     deno run -A examples/clip-drift.ts video.mp4
 *
 * A camera's URL does as well: then it goes on until Ctrl-C.
 */
import { openEncoder, openSource, parseRule, watch } from "@vcs/clip-drift";

const [path = "video.mp4", threshold = "0.4"] = Deno.args;
// GIST needs no weights; { model: "ViT-B-32" } fetches CLIP once and sees what is shown.
using encoder = await openEncoder({ model: "gist" });
const rules = [parseRule(`cut: drift > ${threshold} cooldown 0.2s`)];

let first = 0;
let last = 0;
let scene = 1;
const report = () => console.log(`scene ${scene}: frames ${first} to ${last}`);
for await (const { index, alerts } of watch(openSource(path), encoder, { rules })) {
  if (alerts.length > 0) {
    report();
    first = index;
    scene++;
  }
  last = index;
}
report();
