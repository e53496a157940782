/**
 * The page's section about `@vcs/encodec-stream`.
 *
 * @module
 */
import { type EncodecStreamRun, PEAKS, type Sound } from "./encodec_stream.ts";
import { bars, escapeHtml, figure, link, number, section } from "./html.ts";

/** Half-heights of a waveform as a path, 2 units high. */
function wavePath(peaks: readonly number[], loudest: number): string {
  return peaks.map((peak, n) => {
    const height = Math.min(1, Math.max(0.02, 0.96 * peak / loudest));
    return `M${n + 0.5} ${(1 - height).toFixed(2)}V${(1 + height).toFixed(2)}`;
  }).join("");
}

/** A waveform; the part that has been played is drawn again over it. */
function wave(peaks: readonly number[], loudest: number): string {
  const path = wavePath(peaks, loudest);
  return `<svg class="wave" viewBox="0 0 ${PEAKS} 2" preserveAspectRatio="none" aria-hidden="true">` +
    `<path d="${path}"/><path class="played" d="${path}"/></svg>`;
}

/** A run of the waveform, in percent of its width from either side. */
interface Stretch {
  readonly left: number;
  readonly right: number;
}

/** What a player plays. */
interface Played {
  /** The sound file. */
  readonly file: string;
  /** What it is, for those who hear the page. */
  readonly name: string;
  /** Its seconds. */
  readonly seconds: number;
  /** Waveform of the whole. */
  readonly peaks: readonly number[];
  /** Peak that is drawn as high as there is room. */
  readonly loudest: number;
  /** The stretch of the waveform that the file is of; all of it where not given. */
  readonly stretch?: Stretch;
}

/** A player: a button, and the waveform to choose a place on. */
function player({ file, name, seconds, peaks, loudest, stretch }: Played): string {
  const style = stretch ? ` style="left:${stretch.left}%;right:${stretch.right}%"` : "";
  const part = stretch ? `<i class="part"${style}></i>` : "";
  return `<audio preload="auto" src="${escapeHtml(file)}"></audio>
<button type="button" class="play" aria-label="Play ${
    escapeHtml(name)
  }" aria-pressed="false"></button>
<div class="track">${part}${wave(peaks, loudest)}<input type="range" min="0" max="${
    seconds.toFixed(3)
  }" step="0.01" value="0"${style} aria-label="Place in ${escapeHtml(name)}, in seconds"></div>`;
}

/** Loudest peak of the original: all waveforms are drawn to its scale. */
const loudestOf = ({ original }: EncodecStreamRun) => Math.max(...original.peaks);

const kilobits = (bitrate: number) => `${number(bitrate / 1000, bitrate % 1000 ? 1 : 0)} kbit/s`;

function players(run: EncodecStreamRun): string {
  const seconds = run.samples / run.rate;
  const loudest = loudestOf(run);
  const row = (sound: Sound, name: string, title: string, side: string) =>
    `<div class="voice" data-player>${
      player({ file: sound.file, name, seconds, peaks: sound.peaks, loudest })
    }<p class="voice-text"><b>${title}</b><span>${side}</span></p></div>`;
  const coded = run.coded.map((sound, n) =>
    row(
      sound,
      `the sentence decoded from ${kilobits(sound.bitrate)}`,
      figure(`encodecStream.coded.${n}.bitrate`, sound.bitrate, kilobits(sound.bitrate)),
      figure(`encodecStream.coded.${n}.bytes`, sound.bytes, `${number(sound.bytes)} bytes`),
    )
  );
  const pcm = figure("encodecStream.pcmBytes", run.pcmBytes, `${number(run.pcmBytes)} bytes`);
  const original = row(run.original, "the sentence as it was spoken", "Original", pcm);
  return `<div class="voices">${original}${coded.join("")}
<p class="hint">Start another one while one plays: it goes on at the same place.</p></div>`;
}

function sizes({ pcmBytes, coded }: EncodecStreamRun): string {
  return bars([
    { label: "16-bit PCM, 24 kHz", value: pcmBytes, figure: `${number(pcmBytes)} bytes` },
    ...coded.map(({ bitrate, bytes, ecdc }) => ({
      label: link(ecdc, `.ecdc at ${kilobits(bitrate)}`),
      value: bytes,
      figure: `${number(bytes)} bytes, 1 / ${number(pcmBytes / bytes)}`,
      kind: "own" as const,
    })),
  ]);
}

function spectrograms({ original, coded }: EncodecStreamRun): string {
  const one = (sound: Sound, text: string, label: string) =>
    `<figure><img src="${escapeHtml(sound.picture)}" width="800" height="160" alt="Spectrogram of ${
      escapeHtml(label)
    }"><figcaption>${text}</figcaption></figure>`;
  return `<div class="pictures">${
    [
      one(original, "Original", "the sentence as it was spoken"),
      ...coded.map((sound) => {
        const rate = kilobits(sound.bitrate);
        return one(sound, rate, `the sentence decoded from ${rate}`);
      }),
    ].join("")
  }</div>`;
}

/** The whole as a waveform, with the part that was decoded on its own. */
function soughtPart(run: EncodecStreamRun): string {
  const { sought, samples, rate, coded } = run;
  const [from, to] = [sought.from / rate, sought.to / rate];
  const whole = coded.find(({ bitrate }) => bitrate === sought.bitrate)!;
  const count = sought.to - sought.from;
  const percentOf = (part: number) => Math.round(1e4 * part / samples) / 100;
  const controls = player({
    file: sought.file,
    name: `seconds ${from} to ${to}, decoded alone`,
    seconds: to - from,
    peaks: whole.peaks,
    loudest: loudestOf(run),
    stretch: { left: percentOf(sought.from), right: percentOf(samples - sought.to) },
  });
  return `<div class="voice sought" data-player data-from="${sought.from / samples}" data-to="${
    sought.to / samples
  }">${controls}</div>
<p class="note">Seconds ${from.toFixed(2)} to ${to.toFixed(2)} of the ${
    kilobits(sought.bitrate)
  } file, decoded without the rest, are the same ${
    number(count)
  } samples as in the whole: none differs by more than ${
    figure(
      "encodecStream.sought.largestDifference",
      sought.largestDifference,
      sought.largestDifference === 0 ? "0" : sought.largestDifference.toFixed(7),
    )
  } of full scale. The first sound was there after ${
    figure("encodecStream.sought.firstMs", sought.firstMs, `${number(sought.firstMs)} ms`)
  }.</p>`;
}

/** The sentence as codes. */
export function encodecStreamSection(run: EncodecStreamRun): string {
  const { coded, samples, rate, model } = run;
  const seconds = samples / rate;
  const [most, least] = [coded[0]!, coded.at(-1)!];
  const last = coded.length - 1;
  return section({
    name: "encodec-stream",
    title: "A spoken sentence in a few bytes",
    text:
      `A sentence of ${seconds.toFixed(1)} seconds is encoded at ${coded.length} bitrates and ` +
      "decoded again; a seek into its middle gives the samples of the whole.",
    facts: [
      [
        "smallest file",
        figure(
          `encodecStream.coded.${last}.bytes`,
          least.bytes,
          `${number(least.bytes)} bytes`,
        ),
      ],
      [
        `time to encode at ${kilobits(most.bitrate)}`,
        figure("encodecStream.coded.0.encodeMs", most.encodeMs, `${number(most.encodeMs)} ms`),
      ],
      [
        "time to decode that",
        figure("encodecStream.coded.0.decodeMs", most.decodeMs, `${number(most.decodeMs)} ms`),
      ],
      [
        "first sound of it after",
        figure(
          "encodecStream.coded.0.firstMs",
          most.firstMs,
          `${number(most.firstMs)} ms`,
        ),
      ],
      ["model", escapeHtml(model)],
    ],
    command: "encodec-stream -b 3 --input speech.flac -e speech.ecdc\n" +
      "encodec-stream -d -ss 2.45 -to 4.2 speech.ecdc --format wav -o part.wav",
    links: [link(least.ecdc, "The smallest file"), link(run.original.file, "The original, as WAV")],
    body: `${players(run)}
<figure class="panel"><figcaption><b>A seek</b><span class="key"><i class="part"></i>decoded on its own</span></figcaption>${
      soughtPart(run)
    }</figure>
<figure class="panel"><figcaption><b>Bytes</b></figcaption>${sizes(run)}</figure>
<figure class="panel"><figcaption><b>What is kept of the sound</b><span class="key">0 to 12 kHz upwards, loudness as light</span></figcaption>${
      spectrograms(run)
    }</figure>`,
  });
}
