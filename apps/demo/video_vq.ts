/**
 * The demo's step for `@vcs/video-vq`: the clip is sent as tokens over TCP by one process and
 * rebuilt by another.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DemoStep, runCommand } from "./step.ts";

/** What the sending command tells at its end, as far as the page needs it. */
interface Totals {
  readonly framesIn: number;
  readonly sent: number;
  readonly bytes: number;
}

const clip = fileURLToPath(new URL("./clip.mp4", import.meta.url));

/** A port on this machine that nobody listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function report({ framesIn, sent, bytes }: Totals): string {
  const raw = framesIn * 128 * 128 * 3;
  const times = Math.round(raw / bytes).toLocaleString("en");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>video-vq: a clip as tokens</title>
<style>:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 860px; margin: auto; padding: 32px 16px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 16px; }
figure { margin: 0; } video { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 8px; background: #000; }
figcaption { color: light-dark(#6a6c72, #969ba6); }</style>
<h1>A clip as tokens</h1>
<p>${framesIn} frames went from one process to another as ${sent} windows of tokens, ${
    bytes.toLocaleString("en")
  } bytes in all: ${times} times less than the pixels of 128×128. The model is vq-tiny, which
travels with the package.</p>
<div class="pair">
<figure><video src="source.mp4" autoplay loop muted playsinline controls></video><figcaption>What was sent, its middle square</figcaption></figure>
<figure><video src="rebuilt.mp4" autoplay loop muted playsinline controls></video><figcaption>What was rebuilt from tokens</figcaption></figure>
</div>
</html>
`;
}

/** Sends the clip to another process and lets it rebuild the frames. */
export const videoVqStep: DemoStep = {
  name: "video-vq",
  summary: "The same film sent as tokens over TCP, from one process to another, and rebuilt there.",
  async run(folder) {
    const own = join(folder, "video-vq");
    await Deno.mkdir(own, { recursive: true });
    await Deno.copyFile(clip, join(own, "source.mp4"));
    const url = `tcp://127.0.0.1:${freePort()}`;
    const model = ["--model", "vq-tiny"];
    const receiver = runCommand("video-vq", ["decode", ...model, url, join(own, "rebuilt.mp4")]);
    const sender = runCommand("video-vq", [
      ...["encode", ...model, "--payload", "range", "--json", clip, url],
    ]);
    const [totals] = await Promise.all([sender, receiver]);
    await Deno.writeTextFile(join(own, "report.html"), report(JSON.parse(totals) as Totals));
    return [{ href: "video-vq/report.html", label: "Source and reconstruction, side by side" }];
  },
};
