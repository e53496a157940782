/**
 * What a pipeline measures while it runs: how long each stage takes, as percentiles of the last
 * thousand values, and the terms of the latency.
 *
 * @module
 */

/** Percentiles of a series, in the series' own unit. */
export interface Summary {
  /** Values seen since the start. */
  readonly count: number;
  /** Mean of all values. */
  readonly mean: number;
  /** Median of the last values. */
  readonly p50: number;
  /** 90th percentile of the last values. */
  readonly p90: number;
  /** 99th percentile of the last values. */
  readonly p99: number;
  /** Largest value since the start. */
  readonly max: number;
}

const KEPT = 1000;

/**
 * A series of measured values in constant memory.
 */
export class Series {
  readonly #last = new Float64Array(KEPT);
  #count = 0;
  #sum = 0;
  #max = 0;

  /** Adds a value. */
  add(value: number): void {
    this.#last[this.#count++ % KEPT] = value;
    this.#sum += value;
    this.#max = this.#count === 1 ? value : Math.max(this.#max, value);
  }

  /** Sum of all values. */
  get sum(): number {
    return this.#sum;
  }

  /** Percentiles so far; zeros if there are no values. */
  summary(): Summary {
    const sorted = this.#last.slice(0, Math.min(this.#count, KEPT)).sort();
    const at = (part: number) => sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
    return {
      count: this.#count,
      mean: this.#count === 0 ? 0 : this.#sum / this.#count,
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      max: this.#max,
    };
  }
}

/** The terms of the delay from the first frame in to the first frame out. */
export interface Latency {
  /** Seconds until a window of frames, or a block of audio, is full, and is taken and sent on. */
  readonly fill: number;
  /** Seconds to encode it. */
  readonly encode: number;
  /** Seconds from the sender to the receiver, one way, by the clocks of both machines. */
  readonly transfer: number;
  /** Seconds to decode it. */
  readonly decode: number;
  /**
   * Seconds that it waits at the receiver: to be decoded, and until it is shown or written. Of video,
   * the jitter, and what windows are faster than the first one, to which the schedule of playback is
   * tied.
   */
  readonly hold: number;
  /** Sum of the terms. */
  readonly expected: number;
  /** Seconds from the capture of a frame or sample to its display, as measured; 0 if unknown. */
  readonly measured: number;
}

/** Adds the sum of the terms, fill + encode + transfer + decode + hold. */
export function latencyOf(
  terms: Omit<Latency, "expected">,
): Latency {
  const { fill, encode, transfer, decode, hold } = terms;
  return { ...terms, expected: fill + encode + transfer + decode + hold };
}

/**
 * One line for people:
 * `0.708 fill + 0.150 encode + 0.002 transfer + 0.050 decode + 0.100 hold = 1.010 s`.
 */
export function latencyLine(latency: Latency): string {
  const terms = (["fill", "encode", "transfer", "decode", "hold"] as const)
    .map((name) => `${latency[name].toFixed(3)} ${name}`).join(" + ");
  const measured = latency.measured > 0 ? `, measured ${latency.measured.toFixed(3)} s` : "";
  return `${terms} = ${latency.expected.toFixed(3)} s${measured}`;
}
