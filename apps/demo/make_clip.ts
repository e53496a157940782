/**
 * Draws the demo's film and writes `clip.mp4` beside this file, which is committed: the demo
 * itself needs no encoder. Needs the program `ffmpeg`: `deno run -A apps/demo/make_clip.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { drawScene, SCENE } from "./scene.ts";

const input = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", `${SCENE.width}x${SCENE.height}`];
const colors = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p";
const tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];
const encoder = ["-c:v", "libx264", "-preset", "veryslow", "-crf", "22", "-g", `${3 * SCENE.fps}`];
const file = fileURLToPath(new URL("./clip.mp4", import.meta.url));
const ffmpeg = new Deno.Command("ffmpeg", {
  args: ["-v", "error", "-y", ...input, "-r", `${SCENE.fps}`, "-i", "-", "-vf", colors]
    .concat(tags, encoder, ["-movflags", "+faststart", "-bitexact", file]),
  stdin: "piped",
}).spawn();
const writer = ffmpeg.stdin.getWriter();
for (const frame of drawScene()) await writer.write(frame);
await writer.close();
const { code } = await ffmpeg.status;
Deno.exit(code);
