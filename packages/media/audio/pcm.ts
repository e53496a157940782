/**
 * Samples as bytes: the PCM formats of WAV files and pipes, little-endian, channels interleaved.
 *
 * @module
 */

/** How a sample is stored. */
export type PcmFormat = "u8" | "s16" | "s24" | "s32" | "f32" | "f64";

/** Bytes of one sample in each format. */
export const PCM_BYTES: Readonly<Record<PcmFormat, number>> = {
  u8: 1,
  s16: 2,
  s24: 3,
  s32: 4,
  f32: 4,
  f64: 8,
};

const READERS: Readonly<Record<PcmFormat, (view: DataView, at: number) => number>> = {
  u8: (view, at) => (view.getUint8(at) - 128) / 128,
  s16: (view, at) => view.getInt16(at, true) / 32768,
  s24: (view, at) => (view.getUint16(at, true) | view.getInt8(at + 2) << 16) / 8388608,
  s32: (view, at) => view.getInt32(at, true) / 2147483648,
  f32: (view, at) => view.getFloat32(at, true),
  f64: (view, at) => view.getFloat64(at, true),
};

const clamp = (value: number) => Math.max(-1, Math.min(1, value));

const toInt = (value: number, most: number) => Math.round(clamp(value) * most);

type Writer = (
  samples: Float32Array,
  bytes: Uint8Array<ArrayBuffer>,
  at: number,
  step: number,
) => void;

/** Write one channel to every `step`-th place from `at` on; all platforms are little-endian. */
const WRITERS: Readonly<Record<PcmFormat, Writer>> = {
  u8(samples, bytes, at, step) {
    for (let i = 0; i < samples.length; i++) bytes[at + i * step] = toInt(samples[i]!, 127) + 128;
  },
  s16(samples, { buffer }, at, step) {
    const out = new Int16Array(buffer);
    for (let i = 0; i < samples.length; i++) out[at + i * step] = toInt(samples[i]!, 32767);
  },
  s24(samples, bytes, at, step) {
    for (let i = 0; i < samples.length; i++) {
      const whole = toInt(samples[i]!, 8388607);
      for (let k = 0; k < 3; k++) bytes[3 * (at + i * step) + k] = whole >> 8 * k;
    }
  },
  s32(samples, { buffer }, at, step) {
    const out = new Int32Array(buffer);
    for (let i = 0; i < samples.length; i++) out[at + i * step] = toInt(samples[i]!, 2147483647);
  },
  f32(samples, { buffer }, at, step) {
    const out = new Float32Array(buffer);
    for (let i = 0; i < samples.length; i++) out[at + i * step] = samples[i]!;
  },
  f64(samples, { buffer }, at, step) {
    const out = new Float64Array(buffer);
    for (let i = 0; i < samples.length; i++) out[at + i * step] = samples[i]!;
  },
};

/**
 * Samples of interleaved PCM, one array per channel, in -1 to 1. Whole numbers are divided by
 * 2^(bits-1), as torchaudio and libsndfile do.
 *
 * @param bytes whole frames; a part of one at the end is dropped
 */
export function decodePcm(
  bytes: Uint8Array,
  format: PcmFormat,
  channels: number,
): Float32Array<ArrayBuffer>[] {
  const size = PCM_BYTES[format];
  const read = READERS[format];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames = Math.floor(bytes.length / (size * channels));
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(frames);
    for (let i = 0; i < frames; i++) samples[i] = read(view, (i * channels + channel) * size);
    return samples;
  });
}

/**
 * Interleaved PCM of samples. Whole-number formats are limited to -1 to 1, scaled by
 * 2^(bits-1) - 1 and rounded to nearest.
 *
 * @param channels one array per channel, all of the same length
 * @throws {RangeError} where the channels differ in length
 */
export function encodePcm(
  channels: readonly Float32Array[],
  format: PcmFormat,
): Uint8Array<ArrayBuffer> {
  const frames = channels[0]?.length ?? 0;
  if (channels.some((samples) => samples.length !== frames)) {
    throw new RangeError(
      `Cannot write PCM: channels must have one length, found ${channels.map((c) => c.length)}`,
    );
  }
  const bytes = new Uint8Array(frames * channels.length * PCM_BYTES[format]);
  channels.forEach((samples, at) => WRITERS[format](samples, bytes, at, channels.length));
  return bytes;
}
