/**
 * The demo's step for `@vcs/encodec-stream`: a spoken sentence encoded at three bitrates, decoded,
 * and sought.
 *
 * @module
 */
import { decodeAudio } from "@vcs/media/audio";
import { encodePng } from "@vcs/media/image";
import { encodeWav } from "@vcs/media/wav";
import { Decoder } from "@vcs/encodec-stream/decoder";
import { EcdcReader } from "@vcs/encodec-stream/ecdc";
import { EcdcWriter } from "@vcs/encodec-stream/ecdc";
import { Encoder } from "@vcs/encodec-stream/encoder";
import { codebooksFor, modelSpec, TINY_MODEL } from "@vcs/encodec-stream/models";
import { fileSink } from "@vcs/encodec-stream";
import { say } from "@vcs/transport/internal";
import { join } from "node:path";
import { speechPath } from "./media.ts";
import { spectrogram } from "./spectrogram.ts";

/** Sound that the page plays. */
export interface Sound {
  /** WAV file, relative to the demo's folder. */
  readonly file: string;
  /** Spectrogram as PNG, relative to the demo's folder. */
  readonly image: string;
  /** Largest magnitude of each of {@linkcode PEAKS} equal parts, 0 to 1. */
  readonly peaks: readonly number[];
}

/** The sentence at one bitrate. */
export interface CodedSound extends Sound {
  /** Bits a second that the model spends. */
  readonly bitrate: number;
  /** The `.ecdc` file, relative to the demo's folder. */
  readonly ecdc: string;
  /** Its bytes, header and all. */
  readonly bytes: number;
  /** Scale-invariant signal-to-distortion ratio to the original, in dB. */
  readonly siSdr: number;
  /** Milliseconds to encode all of it, the model being open. */
  readonly encodeMs: number;
  /** Milliseconds to decode all of it. */
  readonly decodeMs: number;
  /** Milliseconds until the first sound of it was decoded. */
  readonly firstMs: number;
}

/** A part that was decoded on its own. */
export interface Sought {
  /** WAV file, relative to the demo's folder. */
  readonly file: string;
  /** Bitrate of the file it was taken from. */
  readonly bitrate: number;
  /** First sample. */
  readonly from: number;
  /** Sample before which it ends. */
  readonly to: number;
  /** Largest difference to the same samples of the whole; full scale is 1. */
  readonly largestDifference: number;
  /** Samples that differ as 16-bit PCM. */
  readonly differing: number;
  /** Milliseconds from asking for the part to its first sound. */
  readonly firstMs: number;
}

/** What the step measured. */
export interface EncodecStreamRun {
  /** Model as the files name it. */
  readonly model: string;
  /** Samples a second. */
  readonly rate: number;
  /** Samples of the sentence. */
  readonly samples: number;
  /** Bytes of the sentence as 16-bit PCM. */
  readonly pcmBytes: number;
  /** The sentence as it was spoken. */
  readonly original: Sound;
  /** The sentence at each bitrate, the largest first. */
  readonly coded: readonly CodedSound[];
  /** The part that was sought. */
  readonly sought: Sought;
}

/** Parts of a waveform that the page draws. */
export const PEAKS = 300;

const MODEL = TINY_MODEL;
const BANDWIDTHS = [6, 3, 1.5];
/** The part that is sought, in seconds. */
const PART = { from: 2.45, to: 4.2 };

/** Bytes before the samples of a WAV file. */
const WAV_HEADER = 44;

const spec = () => modelSpec(MODEL);

function peaksOf(samples: Float32Array): number[] {
  const step = samples.length / PEAKS;
  return Array.from({ length: PEAKS }, (_, n) => {
    const part = samples.subarray(Math.floor(n * step), Math.floor((n + 1) * step));
    const peak = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return Math.round(Math.min(1, peak) * 1000) / 1000;
  });
}

/** Writes sound and its spectrogram. */
async function keepSound(folder: string, name: string, samples: Float32Array): Promise<Sound> {
  const sampleRate = spec().sampleRate;
  await Deno.writeFile(join(folder, `${name}.wav`), encodeWav([samples], { sampleRate }));
  await Deno.writeFile(join(folder, `${name}.png`), await encodePng(spectrogram(samples)));
  const file = `encodec-stream/${name}`;
  return { file: `${file}.wav`, image: `${file}.png`, peaks: peaksOf(samples) };
}

/** Encodes samples into a file; gives the milliseconds that it took. */
async function encode(samples: Float32Array, path: string, codebooks: number): Promise<number> {
  const { name, sampleRate } = spec();
  using encoder = await Encoder.open(name, codebooks);
  await using sink = await fileSink(path);
  const start = performance.now();
  const writer = new EcdcWriter(sink, { model: name, codebooks, sampleRate, title: "A sentence" });
  const audio = ReadableStream.from([[samples]]);
  for await (const block of encoder.encode(audio)) await writer.write(block);
  await writer.close(samples.length);
  return performance.now() - start;
}

/** Samples, and how long they took. */
interface Decoded {
  readonly samples: Float32Array;
  readonly firstMs: number;
  readonly milliseconds: number;
}

/** Decodes a file, or a part of it; the model is open. */
async function decode(
  decoder: Decoder,
  path: string,
  range: { readonly from?: number; readonly to?: number } = {},
): Promise<Decoded> {
  const start = performance.now();
  let firstMs = 0;
  const parts: Float32Array[] = [];
  await using reader = await EcdcReader.open(path);
  for await (const { channels } of decoder.decode(reader, range)) {
    firstMs ||= performance.now() - start;
    parts.push(channels[0]!);
  }
  const samples = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  return { samples, firstMs, milliseconds: performance.now() - start };
}

/** How the part differs from the same samples of the whole. */
function compare(part: Float32Array, whole: Float32Array) {
  if (part.length !== whole.length) {
    throw new Error(`the part sought has ${part.length} samples, wanted are ${whole.length}`);
  }
  const [a, b] = [part, whole].map(toInt16) as [Int16Array, Int16Array];
  return {
    largestDifference: part.reduce(
      (most, value, n) => Math.max(most, Math.abs(value - whole[n]!)),
      0,
    ),
    differing: a.reduce((count, value, n) => count + (value === b[n] ? 0 : 1), 0),
  };
}

/** Samples as a WAV file holds them. */
function toInt16(samples: Float32Array): Int16Array {
  const file = encodeWav([samples], { sampleRate: spec().sampleRate });
  return new Int16Array(file.buffer, WAV_HEADER, samples.length);
}

function product(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, n) => sum + value * b[n]!, 0);
}

/**
 * Scale-invariant signal-to-distortion ratio in dB: how much of the copy's power is the original's
 * shape (Le Roux, Wisdom, Erdogan, Hershey, "SDR - half-baked or well done?", 2019).
 */
function siSdr(original: Float32Array, copy: Float32Array): number {
  const shape = product(original, copy) ** 2 / product(original, original);
  return 10 * Math.log10(shape / (product(copy, copy) - shape));
}

/** Encodes and decodes the sentence at a bandwidth. */
async function code(speech: Float32Array, bandwidth: number, decoder: Decoder, own: string) {
  const name = `speech_${bandwidth}`;
  const path = join(own, `${name}.ecdc`);
  const encodeMs = await encode(speech, path, codebooksFor(spec(), bandwidth));
  const { samples, firstMs, milliseconds: decodeMs } = await decode(decoder, path);
  const { size: bytes } = await Deno.stat(path);
  say(
    `  ${bandwidth} kbit/s: ${bytes} bytes, encoded in ${encodeMs.toFixed(0)} ms, ` +
      `decoded in ${decodeMs.toFixed(0)} ms`,
  );
  const ecdc = `encodec-stream/${name}.ecdc`;
  const times = { encodeMs, decodeMs, firstMs };
  const figures = { bitrate: bandwidth * 1000, ecdc, bytes, siSdr: siSdr(speech, samples) };
  const sound: CodedSound = { ...await keepSound(own, name, samples), ...figures, ...times };
  return { sound, path, samples };
}

/** Decodes a part of a file on its own, and compares it with the whole. */
async function seek(
  { sound, path, samples: whole }: Awaited<ReturnType<typeof code>>,
  decoder: Decoder,
  own: string,
): Promise<Sought> {
  const { sampleRate } = spec();
  const from = Math.round(PART.from * sampleRate);
  const to = Math.round(PART.to * sampleRate);
  const { samples, firstMs } = await decode(decoder, path, { from, to });
  const outcome = compare(samples, whole.subarray(from, to));
  await Deno.writeFile(join(own, "part.wav"), encodeWav([samples], { sampleRate }));
  say(
    `  seconds ${PART.from} to ${PART.to} alone: ${to - from} samples, ` +
      `none further than ${outcome.largestDifference.toExponential(1)} from the whole's`,
  );
  return { file: "encodec-stream/part.wav", bitrate: sound.bitrate, from, to, ...outcome, firstMs };
}

/** Encodes, decodes and seeks a sentence. */
export async function runEncodecStream(folder: string): Promise<EncodecStreamRun> {
  const own = join(folder, "encodec-stream");
  await Deno.mkdir(own, { recursive: true });
  const { name, sampleRate } = spec();
  const { channels } = await decodeAudio(await speechPath(), { sampleRate, channels: 1 });
  const speech = channels[0]!;
  using decoder = await Decoder.open(name);
  const coded = [];
  for (const bandwidth of BANDWIDTHS) coded.push(await code(speech, bandwidth, decoder, own));
  return {
    model: name,
    rate: sampleRate,
    samples: speech.length,
    pcmBytes: speech.length * 2,
    original: await keepSound(own, "speech", speech),
    coded: coded.map(({ sound }) => sound),
    sought: await seek(coded[0]!, decoder, own),
  };
}
