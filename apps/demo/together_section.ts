/**
 * The page's section about `@vcs/together`.
 *
 * @module
 */
import { bars, escapeHtml, fact, figure, link, number, panel, section } from "./html.ts";
import type { TogetherRun } from "./together.ts";

/** The film with its sound. */
export function togetherSection(run: TogetherRun): string {
  const { film, width, height, seconds, windows, blocks, bitrate } = run;
  const bytes = (name: "pictureBytes" | "soundBytes", label: string) => ({
    label,
    value: run[name],
    figure: figure(`together.${name}`, run[name], `${number(run[name])} bytes`),
    kind: "own" as const,
  });
  return section({
    name: "together",
    title: "A film with its sound, in one stream",
    text: "Pictures as tokens and sound as codes go through one channel from one process to " +
      "another, each with the time that it has in the film. What is seen and heard together " +
      "still is, whatever is lost on the way.",
    facts: [
      fact("bitrate", "together.bitrate", bitrate, `${number(bitrate / 1000, 1)} kbit/s`),
      fact("windows of pictures", "together.windows", windows, number(windows)),
      fact("blocks of sound", "together.blocks", blocks, number(blocks)),
      fact("length", "together.seconds", seconds, `${number(seconds, 2)} s`),
    ],
    command: "together decode tcp://127.0.0.1:9000 -o film.mp4\n" +
      "together encode --sound speech.flac clip.mp4 tcp://127.0.0.1:9000",
    links: [link(film, "Received, as MP4")],
    body:
      `<figure><video src="${
        escapeHtml(film)
      }" width="${width}" height="${height}" controls playsinline preload="auto" ` +
      `aria-label="The film with its sound, as received"></video></figure>` +
      panel(
        "What crossed the network",
        bars([bytes("pictureBytes", "Pictures"), bytes("soundBytes", "Sound")]),
      ),
  });
}
