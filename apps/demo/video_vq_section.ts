/**
 * The page's section about `@vcs/video-vq`.
 *
 * @module
 */
import {
  bars,
  escapeHtml,
  fact,
  figure,
  link,
  milliseconds,
  number,
  panel,
  section,
} from "./html.ts";
import { plot } from "./plot.ts";
import type { Delay, VideoVqRun } from "./video_vq.ts";

function player(run: VideoVqRun): string {
  const video = (file: string, label: string, text: string) =>
    `<figure><video src="${escapeHtml(file)}" width="${run.size}" height="${run.size}" muted ` +
    `playsinline preload="auto" aria-label="${label}"></video><figcaption>${text}</figcaption></figure>`;
  return `<div class="pair" id="pair">
${video(run.source, "The film as the model sees it", "<b>Sent</b> the film's middle square")}
${video(run.rebuilt, "The film rebuilt from tokens", "<b>Rebuilt</b> from tokens alone")}
<div class="transport"><button type="button" class="play" aria-label="Play both films" aria-pressed="false"></button>
<input type="range" min="0" max="${(run.frames / run.fps).toFixed(3)}" step="${
    (1 / run.fps).toFixed(5)
  }" value="0" aria-label="Place in both films, in seconds"><output>0.00 s</output></div>
</div>`;
}

function psnrPlot({ framePsnr, fps, windowFrames, psnr, frames }: VideoVqRun): string {
  const [least, most] = [Math.floor(Math.min(...framePsnr)) - 1, Math.ceil(Math.max(...framePsnr))];
  const middle = Math.round((least + 1 + most) / 2);
  const seconds = frames / fps;
  const starts = Array.from(
    { length: Math.ceil(frames / windowFrames) },
    (_, w) => w * windowFrames,
  );
  return plot({
    id: "psnr",
    label: `PSNR of each of ${frames} frames: from ${Math.min(...framePsnr).toFixed(1)} to ${
      Math.max(...framePsnr).toFixed(1)
    } dB, ${psnr.toFixed(1)} dB over all.`,
    x: [0, seconds],
    y: [least, most],
    xTicks: Array.from({ length: Math.floor(seconds) + 1 }, (_, s) => [s, `${s} s`]),
    yTicks: [most, middle, least + 1].map((value) => [value, `${value} dB`]),
    draw: (scale) =>
      starts.slice(1).map((start) => scale.upright(start / fps, "seam")).join("") +
      scale.line(framePsnr.map((value, n) => [n / fps, value]), "violet"),
  });
}

function sizes(run: VideoVqRun): string {
  const { pixelBytes, h264, bytes, psnr } = run;
  const text = (value: number) => `${number(value)} bytes`;
  return bars([
    {
      label: `Pixels of ${run.size} × ${run.size}`,
      value: pixelBytes,
      figure: figure("videoVq.pixelBytes", pixelBytes, text(pixelBytes)),
    },
    ...(h264
      ? [{
        label: `The same pixels as H.264, ${number(h264.psnr, 1)} dB`,
        value: h264.bytes,
        figure: figure("videoVq.h264.bytes", h264.bytes, text(h264.bytes)),
      }]
      : []),
    {
      label: `Tokens, ${number(psnr, 1)} dB`,
      value: bytes,
      figure: figure("videoVq.bytes", bytes, text(bytes)),
      kind: "own",
    },
  ]);
}

const TERMS = [
  ["fill", "a window fills"],
  ["encode", "encoded"],
  ["transfer", "sent"],
  ["decode", "decoded"],
] as const;

/** The terms of the delay as one bar, true to scale. */
function delayBar(delay: Delay): string {
  const parts = TERMS.map(([name]) =>
    `<i class="${name}" style="flex-grow:${(1000 * delay[name]).toFixed(1)}"></i>`
  );
  const legend = TERMS.map(([name, text]) =>
    `<li><i class="${name}"></i>${text} <b>${
      figure(`videoVq.delay.${name}`, delay[name], milliseconds(1000 * delay[name]))
    }</b></li>`
  );
  return `<div class="delay" aria-hidden="true">${parts.join("")}</div>
<ul class="legend">${legend.join("")}</ul>`;
}

function factsOf({ bitrate, windows, bytes, psnr, ssim, delay, model }: VideoVqRun) {
  const mean = `mean ${number(bytes / windows)} bytes`;
  const whole = 1000 * delay.measured;
  return [
    fact("bitrate", "videoVq.bitrate", bitrate, `${number(bitrate / 1000, 1)} kbit/s`),
    ["windows of tokens", `${figure("videoVq.windows", windows, number(windows))}, ${mean}`],
    fact("PSNR", "videoVq.psnr", psnr, `${number(psnr, 1)} dB`),
    fact("SSIM", "videoVq.ssim", ssim, number(ssim, 2)),
    fact("delay from end to end", "videoVq.delay.measured", delay.measured, milliseconds(whole)),
    ["model", escapeHtml(model)],
  ] as const;
}

/** The film as tokens. */
export function videoVqSection(run: VideoVqRun): string {
  return section({
    name: "video-vq",
    title: "A film as tokens, from one process to another",
    text:
      `One process turns the film into tokens while it plays, ${run.windowFrames} frames at a ` +
      "time, and sends them over TCP; another one rebuilds the frames from nothing else.",
    facts: factsOf(run),
    command: `video-vq decode --model ${run.model} tcp://127.0.0.1:9000 rebuilt.mp4\n` +
      `video-vq encode --model ${run.model} --payload range clip.mp4 tcp://127.0.0.1:9000`,
    links: [link(run.source, "Sent, as MP4"), link(run.rebuilt, "Rebuilt, as MP4")],
    body: player(run) +
      panel("Nearness to what was sent", psnrPlot(run), [
        ["violet", "PSNR of each frame"],
        ["seam", "a new window"],
      ]) +
      panel("What crossed the network", sizes(run)) +
      panel("Where the delay comes from", delayBar(run.delay)),
  });
}
