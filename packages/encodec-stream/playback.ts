/**
 * Decoded audio at one rate and number of channels, whatever the file has, between two seconds: the
 * input of a player.
 *
 * @module
 */
import { listeningFilter, Resampler, type ResamplingFilter } from "@vcs/media";
import type { CodeSource, DecodeOptions, Decoder, PcmBlock } from "./decoder.ts";
import type { EcdcHeader } from "./container/header.ts";
import type { Planar } from "./audio/overlap_add.ts";

/** What to play. */
export interface PlaybackOptions extends Omit<DecodeOptions, "from" | "to"> {
  /** Seconds at which to start. Default: 0. */
  readonly from?: number;
  /** Seconds at which to stop. Default: the end. */
  readonly to?: number;
  /** Rate of the output in Hz. Default: 48,000. */
  readonly rate?: number;
  /** Channels of the output: 1 or 2. Default: 2. */
  readonly channels?: 1 | 2;
  /**
   * How another rate is reached: `kaiser` is without audible images, `hann` is torchaudio's. Default:
   * kaiser, or hann for rates that have hardly a divisor in common.
   */
  readonly filter?: ResamplingFilter;
}

/** A rate conversion as a ratio of whole numbers: `from` samples in are exactly `to` samples out. */
interface Ratio {
  readonly from: number;
  readonly to: number;
}

function ratioOf(rate: number, wanted: number): Ratio {
  let [a, b] = [rate, wanted];
  while (b > 0) [a, b] = [b, a % b];
  return { from: rate / a, to: wanted / a };
}

/** One channel as two, or two as their mean. */
function withChannels(planar: Planar, channels: 1 | 2): Planar {
  if (planar.length === channels) return planar;
  const [left, right] = planar;
  if (channels === 2) return [left!, left!];
  return [left!.map((v, i) => (v + right![i]!) / 2)];
}

/** Samples of the output of a source of some length and rate. */
function outputLength(samples: number, rate: number, wanted: number): number {
  const { from, to } = ratioOf(rate, wanted);
  return Math.ceil(samples * to / from);
}

/** A range of samples. */
export interface SampleRange {
  /** First sample. */
  readonly start: number;
  /** Sample before which it ends; at least `start`. */
  readonly end: number;
}

/** The samples of the output that {@linkcode playback} yields of a source with some header. */
export function playedRange(
  { samples, rate: from }: Pick<EcdcHeader, "samples" | "rate">,
  { from: begin = 0, to = Infinity, rate = 48000 }: PlaybackOptions = {},
): SampleRange {
  const start = Math.max(0, Math.round(begin * rate));
  const end = Math.min(outputLength(samples, from, rate), Math.round(to * rate));
  return { start, end: Math.max(start, end) };
}

function checkOptions(
  { from = 0, to = Infinity, rate = 48000, channels = 2 }: PlaybackOptions,
): void {
  const checks: [string, number, boolean, string][] = [
    ["from", from, from >= 0 && from < Infinity, "seconds from 0"],
    ["to", to, to >= 0, "seconds from 0"],
    ["rate", rate, Number.isSafeInteger(rate) && rate > 0, "a whole number of Hz above 0"],
    ["channels", channels, channels === 1 || channels === 2, "1 or 2"],
  ];
  for (const [name, value, isRight, expected] of checks) {
    if (!isRight) throw new RangeError(`Cannot play: ${name} is ${value}, expected ${expected}`);
  }
}

/**
 * Decodes, resamples and mixes. A part has exactly the samples that it has in the whole.
 *
 * @returns blocks of an array per channel, with `start` at the output's rate
 * @throws {EcdcError} what the source throws, after everything before the damage was yielded.
 * @throws {RangeError} if a time, the rate or the number of channels is out of range.
 */
export async function* playback(
  decoder: Decoder,
  source: CodeSource,
  options: PlaybackOptions = {},
): AsyncGenerator<PcmBlock> {
  checkOptions(options);
  const { header } = source;
  const { rate = 48000, channels = 2, filter, ...rest } = options;
  const { start, end } = playedRange(header, options);
  if (start >= end) return;
  const blocks = header.rate === rate
    ? decoder.decode(source, { ...rest, from: start, to: end })
    : resampled(decoder, source, ratioOf(header.rate, rate), filter, { start, end }, rest);
  for await (const block of blocks) {
    yield { start: block.start, channels: withChannels(block.channels, channels) };
  }
}

/**
 * Starts at a whole number of input samples that is a whole number of output samples, far enough
 * before the part asked for that the filter has its past.
 */
async function* resampled(
  decoder: Decoder,
  source: CodeSource,
  ratio: Ratio,
  wanted: ResamplingFilter | undefined,
  { start, end }: SampleRange,
  options: DecodeOptions,
): AsyncGenerator<PcmBlock> {
  const { samples, spec } = source.header;
  const filter = wanted ?? listeningFilter(ratio.from, ratio.to);
  const resampler = new Resampler(ratio.from, ratio.to, spec.channels, filter);
  const { reach } = resampler;
  const lead = Math.max(0, Math.floor(start / ratio.to) - Math.ceil(reach / ratio.from) - 1);
  const from = lead * ratio.from;
  const to = Math.min(samples, Math.ceil(end * ratio.from / ratio.to) + reach + ratio.from);
  let at = lead * ratio.to;
  const part = function* (planar: Planar): Generator<PcmBlock> {
    const head = Math.max(0, start - at);
    const tail = Math.min(planar[0]!.length, end - at);
    if (tail > head) yield { start: at + head, channels: planar.map((c) => c.slice(head, tail)) };
    at += planar[0]!.length;
  };
  try {
    for await (const { channels } of decoder.decode(source, { ...options, from, to })) {
      yield* part(resampler.push(channels));
    }
  } catch (error) {
    yield* part(resampler.flush());
    throw error;
  }
  yield* part(resampler.flush());
}
