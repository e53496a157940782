/**
 * Planar samples as the interleaved bytes that pipes carry.
 *
 * @module
 */
import type { Planar } from "./overlap_add.ts";

/** Bytes of a sample: 16-bit whole numbers or 32-bit floats, both little-endian. */
export type PcmFormat = "s16" | "f32";

/** Interleaves channels as 16-bit numbers, limited to the range and rounded to nearest. */
function toInt16(channels: Planar): Int16Array<ArrayBuffer> {
  const count = channels.length;
  const samples = new Int16Array(channels[0]!.length * count);
  for (const [c, channel] of channels.entries()) {
    for (let i = 0; i < channel.length; i++) {
      samples[i * count + c] = Math.round(Math.max(-1, Math.min(1, channel[i]!)) * 32767);
    }
  }
  return samples;
}

function toFloat32(channels: Planar): Float32Array<ArrayBuffer> {
  const count = channels.length;
  const samples = new Float32Array(channels[0]!.length * count);
  for (const [c, channel] of channels.entries()) {
    for (let i = 0; i < channel.length; i++) samples[i * count + c] = channel[i]!;
  }
  return samples;
}

/** Interleaves channels and gives their bytes. */
export function interleave(channels: Planar, format: PcmFormat): Uint8Array<ArrayBuffer> {
  const samples = format === "s16" ? toInt16(channels) : toFloat32(channels);
  return new Uint8Array(samples.buffer);
}
