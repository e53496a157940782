/**
 * The page's section about `@vcs/encodec-stream`.
 *
 * @module
 */
import { type EncodecStreamRun, PEAKS, type Sound } from "./encodec_stream.ts";
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
  /** The stretch of the waveform that the file is of. Default: all of it. */
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
    `<figure><img src="${escapeHtml(sound.image)}" width="800" height="160" alt="Spectrogram of ${
      escapeHtml(label)
    }"><figcaption>${text}</figcaption></figure>`;
  return `<div class="images">${
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
    figure("encodecStream.sought.firstMs", sought.firstMs, milliseconds(sought.firstMs))
  }.</p>`;
}

function factsOf({ coded, model }: EncodecStreamRun) {
  const [most, least] = [coded[0]!, coded.at(-1)!];
  const smallest = `encodecStream.coded.${coded.length - 1}.bytes`;
  const { encodeMs, decodeMs, firstMs, siSdr } = most;
  const rate = kilobits(most.bitrate);
  return [
    fact("smallest file", smallest, least.bytes, `${number(least.bytes)} bytes`),
    fact(
      `time to encode at ${rate}`,
      "encodecStream.coded.0.encodeMs",
      encodeMs,
      milliseconds(encodeMs),
    ),
    fact("time to decode that", "encodecStream.coded.0.decodeMs", decodeMs, milliseconds(decodeMs)),
    fact(
      "first sound of it after",
      "encodecStream.coded.0.firstMs",
      firstMs,
      milliseconds(firstMs),
    ),
    fact(`SI-SDR at ${rate}`, "encodecStream.coded.0.siSdr", siSdr, `${number(siSdr, 1)} dB`),
    ["model", escapeHtml(model)],
  ] as const;
}

/** The sentence as codes. */
export function encodecStreamSection(run: EncodecStreamRun): string {
  const { coded, samples, rate, model, sought } = run;
  const seconds = (samples / rate).toFixed(1);
  const bitrate = sought.bitrate / 1000;
  return section({
    name: "encodec-stream",
    title: "A spoken sentence in a few bytes",
    text: `A sentence of ${seconds} seconds is encoded at ${coded.length} bitrates and decoded ` +
      "again; a seek into its middle gives the samples of the whole.",
    facts: factsOf(run),
    command: `encodec-stream --model ${model} -b ${bitrate} --input speech.flac -e speech.ecdc\n` +
      `encodec-stream -d -ss ${sought.from / rate} -to ${sought.to / rate} ` +
      "--format wav -o part.wav speech.ecdc",
    links: [
      link(coded.at(-1)!.ecdc, "The smallest file"),
      link(run.original.file, "The original, as WAV"),
    ],
    body: players(run) +
      panel("A seek", soughtPart(run), [["part", "decoded on its own"]]) +
      panel("Bytes", sizes(run)) +
      panel("What is kept of the sound, 0 to 12 kHz", spectrograms(run)),
  });
}
