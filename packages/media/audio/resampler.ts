/**
 * Changes the sample rate of audio by a windowed sinc filter, in chunks of any size. Default: the filter
 * of torchaudio's `Resample` with its defaults (width 6, roll-off 0.99, Hann window), so that
 * models hear what they heard in training. For listeners there is a long Kaiser window, whose images
 * are below -100 dB.
 *
 * @example Half the rate
 * ```ts
 * import { resample } from "@vcs/media";
 * import assert from "node:assert/strict";
 *
 * const [samples] = resample([new Float32Array(480)], 48000, 24000);
 * assert.equal(samples!.length, 240);
 * ```
 *
 * @module
 */

/** Which window the sinc has. */
export type ResamplingFilter = "hann" | "kaiser";

/** A windowed sinc. */
interface Filter {
  /** Zero crossings of the sinc on each side. */
  readonly width: number;
  /** Cut-off as a share of the lower rate's Nyquist frequency. */
  readonly rollOff: number;
  /** The window at a number of zero crossings from the middle. */
  readonly window: (t: number) => number;
}

/** Modified Bessel function of the first kind and order 0, by its series. */
function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-17; k++) sum += term *= (x / 2 / k) ** 2;
  return sum;
}

/** Shape of the Kaiser window, as in torchaudio's `kaiser_best`. */
const BETA = 14.769656459379492;

const FILTERS: Readonly<Record<ResamplingFilter, Filter>> = {
  hann: { width: 6, rollOff: 0.99, window: (t) => Math.cos(t * Math.PI / 6 / 2) ** 2 },
  kaiser: {
    width: 64,
    rollOff: 0.9475937167399596,
    window: (t) => bessel0(BETA * Math.sqrt(Math.max(0, 1 - (t / 64) ** 2))) / bessel0(BETA),
  },
};

/** Largest factor between the rates, so that a chunk cannot become a thousand of them. */
const MAX_FACTOR = 256;

/** Most taps of all phases together, 16 MiB of them. */
const MAX_TAPS = 1 << 22;

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** The filter of one output phase: taps for the inputs from `first` on. */
interface Phase {
  readonly first: number;
  readonly taps: Float32Array;
}

/** One phase: sinc times window, cut where the window is zero. */
function phaseFilter(phase: number, from: number, to: number, filter: Filter): Phase {
  const cutoff = Math.min(from, to) * filter.rollOff;
  const reach = filter.width * from / cutoff;
  const centre = phase * from / to;
  const first = Math.ceil(centre - reach);
  const taps = new Float32Array(Math.floor(centre + reach) - first + 1);
  for (let i = 0; i < taps.length; i++) {
    const t = ((first + i) / from - phase / to) * cutoff;
    const sinc = t === 0 ? 1 : Math.sin(t * Math.PI) / (t * Math.PI);
    taps[i] = sinc * filter.window(t) * cutoff / from;
  }
  return { first, taps };
}

/** Taps of all phases of a filter. */
function tapsOf(from: number, to: number, filter: ResamplingFilter): number {
  const { width, rollOff } = FILTERS[filter];
  const phases = to / greatestCommonDivisor(from, to);
  return phases * (2 * width * Math.max(1, from / to) / rollOff + 1);
}

/** The best filter for listeners that rates allow: a Kaiser window, if it is not too large. */
export function listeningFilter(from: number, to: number): ResamplingFilter {
  return tapsOf(from, to, "kaiser") <= MAX_TAPS ? "kaiser" : "hann";
}

/** Refuses rates whose filter would take for ever to compute. */
function checkCost(from: number, to: number, filter: ResamplingFilter): void {
  const taps = tapsOf(from, to, filter);
  const isBounded = Math.max(from / to, to / from) <= MAX_FACTOR && taps <= MAX_TAPS;
  if (isBounded || from === to) return;
  throw new RangeError(
    `Cannot resample: from ${from} to ${to} Hz takes ${Math.ceil(taps)} filter taps, expected ` +
      `${MAX_TAPS}, and rates that differ by a factor of up to ${MAX_FACTOR}`,
  );
}

/** A resampler that remembers what it needs between chunks; memory does not grow. */
export class Resampler {
  readonly #from: number;
  readonly #to: number;
  readonly #phases: readonly Phase[];
  readonly #lookBack: number;
  /** Input samples on each side that an output sample can depend on. */
  readonly reach: number;
  #kept: Float32Array[];
  #keptFrom = 0;
  #received = 0;
  #produced = 0;

  /**
   * Makes a resampler.
   *
   * @param from rate of the input, in Hz
   * @param to rate of the output, in Hz
   * @param channels number of channels
   * @param filter which filter. Default: hann, torchaudio's.
   * @throws {RangeError} where a rate or the number of channels is not a whole number above zero,
   * where one rate is more than 256 times the other, or where the filter would have more than
   * 4,194,304 taps: rates far apart that have hardly a divisor in common
   */
  constructor(from: number, to: number, channels: number, filter: ResamplingFilter = "hann") {
    for (const [name, value] of Object.entries({ from, to, channels })) {
      if (Number.isSafeInteger(value) && value > 0) continue;
      throw new RangeError(
        `Cannot resample: ${name} must be a whole number above 0, found ${value}`,
      );
    }
    checkCost(from, to, filter);
    const divisor = greatestCommonDivisor(from, to);
    this.#from = from / divisor;
    this.#to = to / divisor;
    const same = this.#from === this.#to;
    this.#phases = same ? [] : Array.from(
      { length: this.#to },
      (_, phase) => phaseFilter(phase, this.#from, this.#to, FILTERS[filter]),
    );
    const { width, rollOff } = FILTERS[filter];
    this.reach = same ? 0 : Math.ceil(width / rollOff * Math.max(1, from / to)) + 1;
    this.#lookBack = Math.max(0, ...this.#phases.slice(0, 1).map(({ first }) => -first));
    this.#kept = Array.from({ length: channels }, () => new Float32Array());
  }

  /**
   * Takes samples and gives those that are now certain.
   *
   * @param chunk one array per channel, all of the same length
   * @throws {RangeError} where the channels are not as many as promised or differ in length
   */
  push(chunk: readonly Float32Array[]): Float32Array<ArrayBuffer>[] {
    const length = chunk[0]?.length ?? 0;
    if (chunk.length !== this.#kept.length || chunk.some((samples) => samples.length !== length)) {
      throw new RangeError(
        `Cannot resample: ${this.#kept.length} channels of one length are needed, found ` +
          `[${chunk.map((samples) => samples.length)}]`,
      );
    }
    if (this.#phases.length === 0) return chunk.map((samples) => new Float32Array(samples));
    this.#kept = this.#kept.map((kept, channel) => {
      const joined = new Float32Array(kept.length + length);
      joined.set(kept);
      joined.set(chunk[channel]!, kept.length);
      return joined;
    });
    this.#received += length;
    const output = this.#render(this.#certain());
    this.#forget();
    return output;
  }

  /** Gives the last samples: as if silence followed. */
  flush(): Float32Array<ArrayBuffer>[] {
    if (this.#phases.length === 0) return this.#kept.map(() => new Float32Array());
    return this.#render(Math.ceil(this.#to * this.#received / this.#from));
  }

  /** Number of output samples for which all inputs are there. */
  #certain(): number {
    const last = this.#phases.at(-1)!;
    const reach = last.first + last.taps.length;
    const blocks = Math.floor((this.#received - reach) / this.#from);
    return Math.max(this.#produced, (blocks + 1) * this.#to);
  }

  /** Renders outputs up to a number of them in all. */
  #render(end: number): Float32Array<ArrayBuffer>[] {
    const start = this.#produced;
    this.#produced = Math.max(start, end);
    return this.#kept.map((kept) => {
      const output = new Float32Array(Math.max(0, end - start));
      for (let i = 0; i < output.length; i++) output[i] = this.#sample(kept, start + i);
      return output;
    });
  }

  #sample(kept: Float32Array, number: number): number {
    const { first, taps } = this.#phases[number % this.#to]!;
    const at = Math.floor(number / this.#to) * this.#from + first - this.#keptFrom;
    const end = Math.min(taps.length, kept.length - at);
    let sum = 0;
    for (let i = Math.max(0, -at); i < end; i++) sum += taps[i]! * kept[at + i]!;
    return sum;
  }

  /** Drops inputs that no later output needs. */
  #forget(): void {
    const needed = Math.floor(this.#produced / this.#to) * this.#from - this.#lookBack;
    const drop = Math.min(Math.max(0, needed - this.#keptFrom), this.#kept[0]!.length);
    if (drop === 0) return;
    this.#kept = this.#kept.map((kept) => kept.slice(drop));
    this.#keptFrom += drop;
  }
}

/**
 * Resamples audio that is all in memory. The output has ceil(length·to/from) samples.
 *
 * @param channels one array per channel
 * @param from rate of the input, in Hz
 * @param to rate of the output, in Hz
 * @throws {RangeError} as {@linkcode Resampler}
 */
export function resample(
  channels: readonly Float32Array[],
  from: number,
  to: number,
): Float32Array<ArrayBuffer>[] {
  const resampler = new Resampler(from, to, channels.length);
  const head = resampler.push(channels);
  const tail = resampler.flush();
  return head.map((samples, i) => {
    const whole = new Float32Array(samples.length + tail[i]!.length);
    whole.set(samples);
    whole.set(tail[i]!, samples.length);
    return whole;
  });
}
