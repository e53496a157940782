/**
 * WAV files (RIFF and RF64, PCM, float and extensible), read and written as streams.
 *
 * @example Write and read back
 * ```ts
 * import { encodeWav, openWav } from "@vcs/media/wav";
 * import assert from "node:assert/strict";
 *
 * const bytes = encodeWav([new Float32Array([0, 0.5])], { sampleRate: 24000, format: "f32" });
 * const wav = await openWav(new Blob([bytes]).stream());
 * assert.equal(wav.sampleRate, 24000);
 * for await (const [left] of wav.chunks) assert.deepEqual([...left!], [0, 0.5]);
 * ```
 *
 * @module
 */
import { BufferedReader } from "@vcs/transport/portable";
import { decodePcm, encodePcm, PCM_BYTES, type PcmFormat } from "./audio/pcm.ts";
import { readWavHeader, UNKNOWN_SIZE, type WavFormat } from "./audio/wav_header.ts";

export { encodePcm, type PcmFormat };

/** An open WAV file. */
export interface WavStream {
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** Number of channels. */
  readonly channels: number;
  /** How samples are stored. */
  readonly format: PcmFormat;
  /** Samples per channel that the header promises; undefined where it was not known yet. */
  readonly length: number | undefined;
  /** The samples, one array per channel, as they arrive. */
  readonly chunks: AsyncIterableIterator<Float32Array<ArrayBuffer>[]>;
}

/** How to write a WAV file. */
export interface WavOptions {
  /** Samples per second and channel. */
  sampleRate: number;
  /** How to store samples. Default: "s16". */
  format?: PcmFormat;
}

/** Most samples per channel in one chunk. */
const CHUNK_FRAMES = 16384;

/** Whether samples of 24 bits lie in the lower three of their four bytes; else in the upper ones. */
function areLow(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i += 4) if (bytes[i] !== 0) return true;
  return false;
}

async function* samplesOf(
  reader: BufferedReader,
  { channels, format, padded }: WavFormat,
  size: number | undefined,
): AsyncIterableIterator<Float32Array<ArrayBuffer>[]> {
  const frame = channels * PCM_BYTES[format];
  let left = size ?? Infinity;
  let low = false;
  try {
    while (left >= frame) {
      const bytes = await reader.units(frame, Math.min(CHUNK_FRAMES * frame, left));
      if (bytes.length === 0) return;
      left -= bytes.length;
      const samples = decodePcm(bytes, format, channels);
      low ||= padded && areLow(bytes);
      yield low ? samples.map((channel) => channel.map((value) => value * 256)) : samples;
    }
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

/**
 * Opens a WAV file. Samples are read as they are taken; a length of zero or of all ones in the
 * header, as live writers leave it, means until the end; zero is one where the file goes on after it. A file that is cut off ends early.
 *
 * @throws {MediaError} `invalid-media` where it is not a WAV file; `unsupported` where its samples are
 * compressed or of a size that is not read here (`@vcs/media/audio` reads them, by FFmpeg)
 */
export async function openWav(stream: ReadableStream<Uint8Array>): Promise<WavStream> {
  const reader = BufferedReader.of(stream);
  try {
    const { header, size } = await readWavHeader(reader);
    const { channels, sampleRate, format } = header;
    const frame = channels * PCM_BYTES[format];
    const length = size === undefined ? undefined : Math.floor(size / frame);
    return { channels, sampleRate, format, length, chunks: samplesOf(reader, header, size) };
  } catch (error) {
    // Not waited for: a branch of a tee is released only with the other one.
    void reader[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * The header of a WAV file, up to the samples.
 *
 * @param length samples per channel; where it is not known, or past 4 GiB, the file says so in the
 * way that readers of streams expect
 * @throws {RangeError} where the rate or the number of channels does not fit the format
 */
export function wavHeader(
  { sampleRate, format = "s16" }: WavOptions,
  channels: number,
  length?: number,
): Uint8Array<ArrayBuffer> {
  const fits = Number.isSafeInteger(sampleRate) && sampleRate > 0 && sampleRate < 2 ** 32 &&
    Number.isSafeInteger(channels) && channels > 0 && channels < 65536;
  if (!fits) throw new RangeError(`Cannot write WAV: ${channels} channels at ${sampleRate} Hz`);
  const frame = channels * PCM_BYTES[format];
  const size = length === undefined ? Infinity : length * frame;
  const view = new DataView(new ArrayBuffer(44));
  const write = (at: number, text: string) =>
    [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, Math.min(36 + size, UNKNOWN_SIZE), true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, format.startsWith("f") ? 3 : 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, Math.min(sampleRate * frame, UNKNOWN_SIZE), true);
  view.setUint16(32, frame, true);
  view.setUint16(34, PCM_BYTES[format] * 8, true);
  write(36, "data");
  view.setUint32(40, Math.min(size, UNKNOWN_SIZE), true);
  return new Uint8Array(view.buffer);
}

/**
 * A WAV file of samples that are all in memory.
 *
 * @param channels one array per channel, all of the same length
 * @throws {RangeError} where the channels differ in length or the rate does not fit
 */
export function encodeWav(
  channels: readonly Float32Array[],
  options: WavOptions,
): Uint8Array<ArrayBuffer> {
  const body = encodePcm(channels, options.format ?? "s16");
  const header = wavHeader(options, channels.length, channels[0]?.length ?? 0);
  const file = new Uint8Array(header.length + body.length);
  file.set(header);
  file.set(body, header.length);
  return file;
}

/**
 * Writes a WAV file as samples arrive: chunks of one array per channel in, bytes out. The length
 * in the header is left open unless it is given.
 *
 * @param length samples per channel, where known
 */
export function wavWriter(
  options: WavOptions,
  channels: number,
  length?: number,
): TransformStream<readonly Float32Array[], Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    start: (controller) => controller.enqueue(wavHeader(options, channels, length)),
    transform: (chunk, controller) => {
      if (chunk.length !== channels) {
        throw new RangeError(
          `Cannot write WAV: ${channels} channels expected, found ${chunk.length}`,
        );
      }
      controller.enqueue(encodePcm(chunk, options.format ?? "s16"));
    },
  });
}
