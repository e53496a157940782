/**
 * The header of a WAV file, as it is read: RIFF and RF64, PCM, float and extensible.
 *
 * @module
 */
import type { BufferedReader } from "@vcs/transport/portable";
import { MediaError } from "../errors.ts";
import { PCM_BYTES, type PcmFormat } from "./pcm.ts";

/** Most bytes of headers before the samples. */
const MAX_HEADER = 1 << 20;

/** Most channels, as many as FFmpeg takes. */
const MAX_CHANNELS = 512;

/** Length that writers of streams put where they cannot know. */
export const UNKNOWN_SIZE = 0xffffffff;

function invalid(found: string): MediaError {
  return new MediaError("invalid-media", `Cannot read WAV: ${found}`);
}

/** What FFmpeg may be able to read. */
function unsupported(found: string): MediaError {
  return new MediaError("unsupported", `Cannot read WAV: ${found}`);
}

/** What a header says of the samples. */
export interface WavFormat {
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** Number of channels. */
  readonly channels: number;
  /** How samples are stored. */
  readonly format: PcmFormat;
  /** Whether each sample of 24 bits lies somewhere in 32. */
  readonly padded: boolean;
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
function parseFormat(bytes: Uint8Array): WavFormat {
  if (bytes.length < 16) throw invalid(`its format chunk has ${bytes.length} bytes, 16 are needed`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const named = view.getUint16(0, true);
  const tag = named === EXTENSIBLE && bytes.length >= 26 ? view.getUint16(24, true) : named;
  const [channels, sampleRate] = [view.getUint16(2, true), view.getUint32(4, true)];
  const [align, bits] = [view.getUint16(12, true), view.getUint16(14, true)];
  const format = FORMATS[`${tag}/${bits}`];
  if (format === undefined) {
    throw unsupported(
      `samples of format ${tag} with ${bits} bits; PCM of 8 to 32 and float are read`,
    );
  }
  if (channels === 0 || sampleRate === 0) throw invalid(`${channels} channels at ${sampleRate} Hz`);
  if (channels > MAX_CHANNELS) throw unsupported(`${channels} channels; ${MAX_CHANNELS} are read`);
  const padded = format === "s24" && align === channels * PCM_BYTES.s32;
  if (!padded && align !== channels * PCM_BYTES[format]) {
    throw unsupported(`${channels} channels of ${bits} bits in blocks of ${align} bytes`);
  }
  return { channels, sampleRate, format: padded ? "s32" : format, padded };
}

const ascii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** Whether a file starts like a WAV file. */
export function isWav(head: Uint8Array): boolean {
  return head.length >= 12 && /^(RIFF|RF64)$/.test(ascii(head.subarray(0, 4))) &&
    ascii(head.subarray(8, 12)) === "WAVE";
}

/** Whether a size is one that live writers leave. */
const isOpen = (size: number): boolean => size === 0 || size === UNKNOWN_SIZE;

/**
 * Bytes of the samples; undefined where a live writer left the length open. A size of zero is one
 * where the whole file's size, which counts from its ninth byte, covers more.
 */
function dataSize(size: number, whole: number, long: number, position: number): number | undefined {
  if (size === 0 && !isOpen(whole) && whole + 8 > position) return 0;
  if (size === UNKNOWN_SIZE && long > 0) return long;
  return isOpen(size) ? undefined : size;
}

const uint32 = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);

/**
 * Walks the chunks up to the samples, and reports their format and their bytes: undefined where a
 * live writer left the length open.
 *
 * @throws {MediaError} `invalid-media` or `unsupported`
 */
export async function readWavHeader(
  reader: BufferedReader,
): Promise<{ header: WavFormat; size: number | undefined }> {
  const start = await reader.upTo(12);
  if (!isWav(start)) throw invalid("it does not start with RIFF and WAVE");
  let header: WavFormat | undefined;
  let long = 0;
  for (let read = 12; read < MAX_HEADER;) {
    const head = await reader.upTo(8);
    if (head.length < 8) break;
    const id = ascii(head.subarray(0, 4));
    const size = uint32(head);
    if (id === "data") {
      if (header === undefined) throw unsupported("its samples come before their format");
      return { header, size: dataSize(size, uint32(start), long, read + 8) };
    }
    if (size > MAX_HEADER) throw unsupported(`a chunk "${id}" of ${size} bytes before the samples`);
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
