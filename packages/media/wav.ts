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
import { BufferedReader } from "@vcs/transport/internal";
import { MediaError } from "./errors.ts";
import { decodePcm, encodePcm, PCM_BYTES, type PcmFormat } from "./audio/pcm.ts";

export type { PcmFormat };

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
  /** How to store samples. Default "s16". */
  format?: PcmFormat;
}

/** Most bytes of headers before the samples. */
const MAX_HEADER = 1 << 20;

/** Most samples per channel in one chunk. */
const CHUNK_FRAMES = 16384;

/** Length that writers of streams put where they cannot know. */
const UNKNOWN = 0xffffffff;

function invalid(found: string): MediaError {
  return new MediaError("invalid-media", `Cannot read WAV: ${found}`);
}

interface Header {
  readonly sampleRate: number;
  readonly channels: number;
  readonly format: PcmFormat;
}

/** Formats by tag and bits (RIFF: 1 is PCM, 3 is IEEE float). */
const FORMATS: Readonly<Record<string, PcmFormat>> = {
  "1/8": "u8",
  "1/16": "s16",
  "1/24": "s24",
  "1/32": "s32",
  "3/32": "f32",
  "3/64": "f64",
};

/** WAVE_FORMAT_EXTENSIBLE: the real tag is the first word of the sub-format's GUID. */
const EXTENSIBLE = 0xfffe;

/** Reads the body of a "fmt " chunk. */
function parseFormat(bytes: Uint8Array): Header {
  if (bytes.length < 16) throw invalid(`its format chunk has ${bytes.length} bytes, 16 are needed`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const named = view.getUint16(0, true);
  const tag = named === EXTENSIBLE && bytes.length >= 26 ? view.getUint16(24, true) : named;
  const [channels, sampleRate] = [view.getUint16(2, true), view.getUint32(4, true)];
  const [align, bits] = [view.getUint16(12, true), view.getUint16(14, true)];
  const format = FORMATS[`${tag}/${bits}`];
  if (format === undefined) {
    throw new MediaError(
      "unsupported",
      `Cannot read WAV: samples of format ${tag} with ${bits} bits; PCM of 8 to 32 and float are read`,
    );
  }
  if (channels === 0 || sampleRate === 0 || align !== channels * PCM_BYTES[format]) {
    throw invalid(`${channels} channels at ${sampleRate} Hz in blocks of ${align} bytes`);
  }
  return { channels, sampleRate, format };
}

const ascii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** Whether a file starts like a WAV file. */
export function isWav(head: Uint8Array): boolean {
  return head.length >= 12 && /^(RIFF|RF64)$/.test(ascii(head.subarray(0, 4))) &&
    ascii(head.subarray(8, 12)) === "WAVE";
}

/** Walks the chunks up to the samples. */
async function readHeader(reader: BufferedReader): Promise<{ header: Header; size: number }> {
  if (!isWav(await reader.upTo(12))) throw invalid("it does not start with RIFF and WAVE");
  let header: Header | undefined;
  let long = 0;
  for (let read = 12; read < MAX_HEADER;) {
    const head = await reader.upTo(8);
    if (head.length < 8) break;
    const id = ascii(head.subarray(0, 4));
    const size = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
    if (id === "data") {
      if (header === undefined) throw invalid("its samples come before their format");
      return { header, size: size === UNKNOWN && long > 0 ? long : size };
    }
    if (size > MAX_HEADER) throw invalid(`a chunk "${id}" of ${size} bytes before the samples`);
    const body = await reader.upTo(size + size % 2);
    if (id === "fmt ") header = parseFormat(body.subarray(0, size));
    if (id === "ds64" && body.length >= 16) long = longSize(body);
    read += 8 + body.length;
  }
  throw invalid("it has no samples");
}

/** The size of the samples in an RF64 file (EBU Tech 3306). */
function longSize(body: Uint8Array): number {
  const size = new DataView(body.buffer, body.byteOffset).getBigUint64(8, true);
  return size < BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : 0;
}

async function* samplesOf(
  reader: BufferedReader,
  { channels, format }: Header,
  size: number | undefined,
): AsyncIterableIterator<Float32Array<ArrayBuffer>[]> {
  const frame = channels * PCM_BYTES[format];
  let left = size ?? Infinity;
  try {
    while (left >= frame) {
      const bytes = await reader.units(frame, Math.min(CHUNK_FRAMES * frame, left));
      if (bytes.length === 0) return;
      left -= bytes.length;
      yield decodePcm(bytes, format, channels);
    }
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

/**
 * Opens a WAV file. Samples are read as they are taken; a length of zero or of all ones in the
 * header, as live writers leave it, means until the end. A file that is cut off ends early.
 *
 * @throws {MediaError} `invalid-media` where it is no WAV file; `unsupported` where its samples are
 * compressed or of a size that is not read here (`@vcs/media/audio` reads them, by FFmpeg)
 */
export async function openWav(stream: ReadableStream<Uint8Array>): Promise<WavStream> {
  const reader = BufferedReader.of(stream);
  try {
    const { header, size } = await readHeader(reader);
    const known = size !== 0 && size !== UNKNOWN;
    const frame = header.channels * PCM_BYTES[header.format];
    const length = known ? Math.floor(size / frame) : undefined;
    return { ...header, length, chunks: samplesOf(reader, header, known ? size : undefined) };
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
  view.setUint32(4, Math.min(36 + size, UNKNOWN), true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, format.startsWith("f") ? 3 : 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, Math.min(sampleRate * frame, UNKNOWN), true);
  view.setUint16(32, frame, true);
  view.setUint16(34, PCM_BYTES[format] * 8, true);
  write(36, "data");
  view.setUint32(40, Math.min(size, UNKNOWN), true);
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
