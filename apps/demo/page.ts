/**
 * The demo's page: one file beside the media that it shows.
 *
 * @module
 */
import { clipDriftSection } from "./clip_drift_section.ts";
import type { DemoRun } from "./demo.ts";
import { encodecStreamSection } from "./encodec_stream_section.ts";
import { escapeHtml, figure, milliseconds, number, percent } from "./html.ts";
import { ASSETS } from "./page/assets.ts";
import { patchStreamSection } from "./patch_stream_section.ts";
import { togetherSection } from "./together_section.ts";
import { videoVqSection } from "./video_vq_section.ts";

/** The four outcomes in a line each. */
function cards({ patchStream, videoVq, encodecStream, clipDrift }: DemoRun): string {
  const { kept, patches, energyShare } = patchStream;
  const last = encodecStream.coded.length - 1;
  const least = encodecStream.coded[last]!;
  const card = (name: string, main: string, text: string) =>
    `<a class="card" href="#${name}"><span class="eyebrow">${name}</span><strong>${main}</strong><span>${text}</span></a>`;
  return `<nav class="cards" aria-label="The four parts">${
    [
      card(
        "patch-stream",
        figure("patchStream.energyShare", energyShare, percent(energyShare)),
        `of the energy in ${percent(kept / patches)} of the patches`,
      ),
      card(
        "video-vq",
        figure("videoVq.bitrate", videoVq.bitrate, `${number(videoVq.bitrate / 1000, 1)} kbit/s`),
        "for a film, live over TCP",
      ),
      card(
        "encodec-stream",
        figure(`encodecStream.coded.${last}.bytes`, least.bytes, `${number(least.bytes)} bytes`),
        `for ${number(encodecStream.samples / encodecStream.rate, 1)} s of speech`,
      ),
      card(
        "clip-drift",
        figure(
          "clipDrift.alert.delay",
          clipDrift.alert.delay,
          milliseconds(clipDrift.alert.delay),
        ),
        "from a changed scene to the alert",
      ),
    ].join("")
  }</nav>`;
}

function header(run: DemoRun): string {
  const { machine, seconds, startedAt } = run;
  const when = new Date(startedAt).toLocaleString("en-GB", {
    dateStyle: "long",
    timeStyle: "short",
  });
  const where = `${machine.processor}, ${machine.cores} cores`;
  return `<header>
<p class="eyebrow">@vcs</p>
<h1>A film, a voice and a camera, as streams of small numbers</h1>
<p class="lede">The packages went to work on this machine a moment ago, on media that were made for it. What you see, hear and read below is the outcome of that very run.</p>
<p class="meta"><span><time datetime="${startedAt}">${when}</time></span><span>${
    escapeHtml(where)
  }</span><span>Deno ${machine.deno}, no Python</span><span>${
    figure("seconds", seconds, `${number(seconds)} s`)
  } in all</span></p>
${cards(run)}
</header>`;
}

/** Makes the page of a run. */
export function demoPage(run: DemoRun): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@vcs demo</title>
<link rel="icon" href="data:,">
<style>
${ASSETS["/page.css"]}</style>
</head>
<body>
${header(run)}
<main>
${patchStreamSection(run.patchStream)}
${videoVqSection(run.videoVq)}
${encodecStreamSection(run.encodecStream)}
${clipDriftSection(run.clipDrift)}
${togetherSection(run.together)}
</main>
<footer><p>All figures of this run are in <a href="run.json">run.json</a>. <code>deno run -A jsr:@vcs/demo</code> makes this page anew.</p></footer>
<script type="module">
${ASSETS["/page.js"]}</script>
</body>
</html>
`;
}
