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

const WRITERS: Readonly<Record<PcmFormat, (view: DataView, at: number, value: number) => void>> = {
  u8: (view, at, value) => view.setUint8(at, Math.round(clamp(value) * 127) + 128),
  s16: (view, at, value) => view.setInt16(at, Math.round(clamp(value) * 32767), true),
  s24: (view, at, value) => {
    const whole = Math.round(clamp(value) * 8388607);
    view.setInt16(at, whole, true);
    view.setInt8(at + 2, whole >> 16);
  },
  s32: (view, at, value) => view.setInt32(at, Math.round(clamp(value) * 2147483647), true),
  f32: (view, at, value) => view.setFloat32(at, value, true),
  f64: (view, at, value) => view.setFloat64(at, value, true),
};

/**
 * Samples of interleaved PCM, one array per channel, in -1 to 1. Whole numbers are divided by
 * 2^(bits-1), as torchaudio and libsndfile do.
 *
 * @param bytes whole frames; a part of one at the end is left out
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
  const size = PCM_BYTES[format];
  const write = WRITERS[format];
  const bytes = new Uint8Array(frames * channels.length * size);
  const view = new DataView(bytes.buffer);
  for (const [channel, samples] of channels.entries()) {
    for (let i = 0; i < frames; i++) {
      write(view, (i * channels.length + channel) * size, samples[i]!);
    }
  }
  return bytes;
}
