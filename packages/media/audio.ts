/**
 * Audio of any file or stream as planar float samples at the rate and number of channels wanted,
 * piece by piece. WAV is read without FFmpeg and as it arrives; everything else by FFmpeg.
 *
 * @example A WAV file as 24 kHz mono
 * ```ts
 * import { decodeAudio } from "@vcs/media/audio";
 * import { encodeWav } from "@vcs/media/wav";
 * import assert from "node:assert/strict";
 *
 * const file = encodeWav([new Float32Array(480), new Float32Array(480)], { sampleRate: 48000 });
 * const audio = await decodeAudio(file, { sampleRate: 24000, channels: 1 });
 * assert.deepEqual(audio.channels.map((samples) => samples.length), [240]);
 * ```
 *
 * @module
 */
import { BufferedReader } from "@vcs/transport/internal";
import type { AudioChunk, AudioDecoding } from "./ffmpeg/audio_decoder.ts";
import { chooseWay } from "./ffmpeg/backends.ts";
import { MediaError } from "./errors.ts";
import { isPipe, type MediaSource, naming, openSource, readSource } from "./decode/media_source.ts";
import { peek } from "./audio/peek.ts";
import { decodePcm, PCM_BYTES, type PcmFormat } from "./audio/pcm.ts";
import { canDownmix, downmix } from "./audio/downmix.ts";
import { Resampler } from "./audio/resampler.ts";
import { isWav } from "./audio/wav_header.ts";
import { openWav, type WavStream } from "./wav.ts";

/** Samples without a header around them. */
export interface RawPcm {
  /** How samples are stored. */
  format: PcmFormat;
  /** Samples per second and channel. */
  sampleRate: number;
  /** Number of channels, interleaved. */
  channels: number;
}

/** Options of audio reading. */
export interface AudioOptions {
  /** Samples per second and channel that are wanted. Default: the source's own. */
  sampleRate?: number;
  /**
   * Channels that are wanted: the source's own, their mean (1), two of 3 to 8 as FFmpeg mixes them,
   * or copies of a single one.
   */
  channels?: number;
  /** The source is bare samples of this kind. */
  raw?: RawPcm;
  /** Which stream of the container. Default: the best audio stream. */
  stream?: number;
  /** Which FFmpeg, where one is needed. Default: "auto". */
  backend?: "auto" | "node-av" | "ffmpeg";
  /** Ends opening and reading with the signal's reason, whatever is waited for. */
  signal?: AbortSignal;
}

/** Options of {@linkcode decodeAudio}. */
export interface DecodeAudioOptions extends AudioOptions {
  /**
   * Most bytes of the samples, four each: compressed silence of a few megabytes can last for days.
   * Default: 2 GiB, an hour and a half of stereo at 48 kHz; {@linkcode openAudio} has no bound.
   */
  maxBytes?: number;
}

const MAX_BYTES = 2 ** 31;

/** Audio that is all in memory. */
export interface AudioData {
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** The samples of each channel, in -1 to 1. */
  readonly channels: Float32Array<ArrayBuffer>[];
}

/** Audio that is read as it is taken. Leaving the loop frees what it holds. */
export interface AudioStream extends AsyncIterable<Float32Array<ArrayBuffer>[]>, AsyncDisposable {
  /** Samples per second and channel, of the chunks. */
  readonly sampleRate: number;
  /** Number of channels of the chunks. */
  readonly channels: number;
  /** Codec of the source. */
  readonly codec: string;
  /** Samples per second and channel of the source. */
  readonly sourceSampleRate: number;
  /** Number of channels of the source. */
  readonly sourceChannels: number;
  /** When the first sample is heard, in seconds by the clock of the file's pictures: 0 of most. */
  readonly startTime: number;
}

/** Samples per channel in one piece of bare PCM. */
const RAW_FRAMES = 16384;

/** Cuts bare PCM into pieces of whole frames. */
async function* rawChunks(
  stream: ReadableStream<Uint8Array>,
  { format, sampleRate, channels }: RawPcm,
): AsyncIterable<AudioChunk> {
  const frame = PCM_BYTES[format] * channels;
  await using reader = BufferedReader.of(stream);
  for (;;) {
    const bytes = await reader.units(frame, RAW_FRAMES * frame);
    if (bytes.length === 0) return;
    yield { sampleRate, samples: decodePcm(bytes, format, channels) };
  }
}

async function* wavChunks({ chunks, sampleRate }: WavStream): AsyncIterable<AudioChunk> {
  for await (const samples of chunks) yield { sampleRate, samples };
}

/** What needs no FFmpeg holds nothing but its stream, which ends with the signal. */
const close = () => Promise.resolve();

/** Opens what needs no FFmpeg: bare samples and WAV. The stream goes on to FFmpeg otherwise. */
async function openPlain(
  stream: ReadableStream<Uint8Array>,
  raw: RawPcm | undefined,
): Promise<AudioDecoding | ReadableStream<Uint8Array>> {
  if (raw) return { ...raw, codec: `pcm_${raw.format}`, chunks: rawChunks(stream, raw), close };
  const { head, whole } = await peek(stream, 12);
  if (!isWav(head)) return whole;
  const [first, second] = whole.tee();
  try {
    const wav = await openWav(first);
    second.cancel().catch(() => {});
    return { ...wav, codec: `pcm_${wav.format}`, chunks: wavChunks(wav), close };
  } catch (error) {
    if (error instanceof MediaError && error.code === "unsupported") return second;
    throw error;
  }
}

async function openEncoded(source: MediaSource, options: Signalled): Promise<AudioDecoding> {
  const way = await chooseWay(options.backend ?? "auto");
  const local = await openSource(source, { signal: options.signal });
  try {
    const decode = way === "node-av"
      ? (await import("./ffmpeg/audio_node_av.ts")).decodeByNodeAv
      : (await import("./ffmpeg/audio_ffmpeg.ts")).decodeByFfmpeg;
    const decoding = await naming(local, decode(local.path, options.stream, options.signal));
    return {
      ...decoding,
      close: async () => {
        await decoding.close();
        await local[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await local[Symbol.asyncDispose]();
    throw error;
  }
}

/** Options with a signal that ends everything, whatever it waits for. */
type Signalled = AudioOptions & { readonly signal: AbortSignal };

async function openDecoding(source: MediaSource, options: Signalled): Promise<AudioDecoding> {
  const { signal, raw } = options;
  const bytes = await readSource(source, signal);
  const passing = new TransformStream<Uint8Array, Uint8Array>();
  const opened = await openPlain(bytes.pipeThrough(passing, { signal }), raw);
  if (!(opened instanceof ReadableStream)) return opened;
  const once = source instanceof ReadableStream || await isPipe(source);
  if (once) return await openEncoded(opened, options);
  opened.cancel().catch(() => {});
  return await openEncoded(source, options);
}

/** The function from a source's channels to those wanted. */
function mixer(from: number, to: number): (chunk: Float32Array<ArrayBuffer>[]) => typeof chunk {
  if (from === to) return (chunk) => chunk;
  if (from === 1) return ([mono]) => Array.from({ length: to }, () => mono!.slice());
  if (to === 2 && canDownmix(from)) return downmix;
  if (to !== 1) {
    throw new MediaError(
      "unsupported",
      `Cannot turn ${from} channels into ${to}: one, two of 3 to 8, or the source's own can be had`,
    );
  }
  return (chunk) => [chunk[0]!.map((_, i) => chunk.reduce((sum, c) => sum + c[i]!, 0) / from)];
}

/** A resampler for a source, whose rate may be anything. */
function resamplerFor(from: number, to: number, channels: number): Resampler {
  try {
    return new Resampler(from, to, channels);
  } catch (cause) {
    throw new MediaError("unsupported", (cause as Error).message, { cause });
  }
}

/** Rate and number of channels. */
interface AudioShape {
  readonly sampleRate: number;
  readonly channels: number;
}

function* unlessEmpty(chunk: Float32Array<ArrayBuffer>[]) {
  if (chunk[0]!.length > 0) yield chunk;
}

async function* converted(
  decoding: AudioDecoding,
  { sampleRate, channels }: AudioShape,
  resampler: Resampler,
  closing: AbortController,
): AsyncGenerator<Float32Array<ArrayBuffer>[]> {
  let rate = decoding.sampleRate;
  try {
    for await (const chunk of decoding.chunks) {
      if (chunk.sampleRate !== rate) {
        yield* unlessEmpty(resampler.flush());
        rate = chunk.sampleRate;
        resampler = resamplerFor(rate, sampleRate, channels);
      }
      const mix = mixer(chunk.samples.length, channels);
      yield* unlessEmpty(resampler.push(mix(chunk.samples)));
    }
    yield* unlessEmpty(resampler.flush());
  } catch (error) {
    if (!closing.signal.aborted) throw error;
  } finally {
    closing.abort();
    await decoding.close();
  }
}

/**
 * Opens the audio of a file or stream.
 *
 * @param source path, URL, bytes of a file, or a stream of them; a stream that is not WAV is kept
 * in a temporary file
 * @throws {RangeError} where a rate or number of channels is not a whole number above zero
 * @throws {Deno.errors.NotFound} where there is no such file
 * @throws {MediaError} `invalid-media`, `download-failed`, `no-audio-stream`, `no-backend`, `unsupported`; reading also
 * `decode-failed`
 */
export async function openAudio(
  source: MediaSource,
  options: AudioOptions = {},
): Promise<AudioStream> {
  for (const name of ["sampleRate", "channels"] as const) {
    const value = options[name] ?? 1;
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new RangeError(
      `Cannot read audio: ${name} must be a whole number above 0, found ${value}`,
    );
  }
  const closing = new AbortController();
  const signal = AbortSignal.any([closing.signal, ...(options.signal ? [options.signal] : [])]);
  let decoding: AudioDecoding | undefined;
  try {
    decoding = await openDecoding(source, { ...options, signal });
    const { sampleRate = decoding.sampleRate, channels = decoding.channels } = options;
    mixer(decoding.channels, channels);
    const resampler = resamplerFor(decoding.sampleRate, sampleRate, channels);
    return audioStream(decoding, { sampleRate, channels }, resampler, closing);
  } catch (error) {
    closing.abort();
    await decoding?.close();
    throw error;
  }
}

function audioStream(
  decoding: AudioDecoding,
  shape: AudioShape,
  resampler: Resampler,
  closing: AbortController,
): AudioStream {
  const chunks = converted(decoding, shape, resampler, closing);
  return {
    ...shape,
    codec: decoding.codec,
    sourceSampleRate: decoding.sampleRate,
    sourceChannels: decoding.channels,
    startTime: decoding.startTime ?? 0,
    [Symbol.asyncIterator]: () => chunks,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await chunks.return(undefined);
      await decoding.close();
    },
  };
}

/**
 * Reads all audio of a file or stream into memory.
 *
 * @throws as {@linkcode openAudio}
 * @throws {MediaError} `limit` for more than `maxBytes`
 */
export async function decodeAudio(
  source: MediaSource,
  options: DecodeAudioOptions = {},
): Promise<AudioData> {
  const { maxBytes = MAX_BYTES } = options;
  const stream = await openAudio(source, options);
  const parts: Float32Array<ArrayBuffer>[][] = [];
  let length = 0;
  for await (const chunk of stream) {
    parts.push(chunk);
    length += chunk[0]!.length;
    if (length * stream.channels * 4 > maxBytes) throw tooLong(maxBytes);
  }
  const channels = Array.from({ length: stream.channels }, (_, channel) => {
    const samples = new Float32Array(length);
    parts.reduce((at, part) => (samples.set(part[channel]!, at), at + part[0]!.length), 0);
    return samples;
  });
  return { sampleRate: stream.sampleRate, channels };
}

function tooLong(maxBytes: number): MediaError {
  return new MediaError(
    "limit",
    `Cannot decode audio: found more samples than ${maxBytes} bytes hold; ` +
      "allow more with { maxBytes }, or read it piece by piece with openAudio()",
  );
}
