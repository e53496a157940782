/**
 * Speaks a sentence and writes `speech.flac` beside this file, which is committed: the demo itself
 * needs neither voice nor encoder. Needs the programs `espeak-ng` and `ffmpeg`:
 * `deno run -A apps/demo/make_speech.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const TEXT = "A train crosses the valley at dusk. These words were rebuilt from a few numbers.";

const file = fileURLToPath(new URL("./speech.flac", import.meta.url));
const voice = new Deno.Command("espeak-ng", {
  args: ["-v", "en-us", "-s", "150", "--stdout", TEXT],
  stdout: "piped",
});
const { success, stdout } = await voice.output();
if (!success) throw new Error("Cannot make the speech: espeak-ng failed");

const ffmpeg = new Deno.Command("ffmpeg", {
  args: ["-v", "error", "-y", "-i", "-", "-ar", "24000", "-ac", "1", "-sample_fmt", "s16"]
    .concat(["-compression_level", "12", "-bitexact", file]),
  stdin: "piped",
}).spawn();
const writer = ffmpeg.stdin.getWriter();
await writer.write(stdout);
await writer.close();
const { code } = await ffmpeg.status;
Deno.exit(code);
