/**
 * How long each stage takes.
 *
 * @module
 */

/** Milliseconds by stage. Stages overlap: decoding goes on while threads process. */
export interface StageTimings {
  /** Opening the video, with its index. */
  open: number;
  /** Waiting for the first decoded frame. */
  firstFrame: number;
  /** Waiting for decoded frames, the first included. */
  decode: number;
  /** Waiting for room in the process stage, or for it to end. */
  wait: number;
  /** Resizing, summed over threads. */
  resize: number;
  /** Measuring energy, summed over threads. */
  energy: number;
  /** Choosing patches. */
  select: number;
  /** Cutting patches out. */
  extract: number;
  /** From start to end. */
  total: number;
}

/** Measures stages one after the other. */
export class Stopwatch {
  /** What was measured so far. */
  readonly timings: StageTimings = {
    open: 0,
    firstFrame: 0,
    decode: 0,
    wait: 0,
    resize: 0,
    energy: 0,
    select: 0,
    extract: 0,
    total: 0,
  };
  readonly #start = performance.now();
  #lap = this.#start;

  /** Milliseconds since the last lap. */
  get sinceLap(): number {
    return performance.now() - this.#lap;
  }

  /** Adds the time since the last lap to a stage. */
  lap(stage: keyof StageTimings): void {
    const now = performance.now();
    this.timings[stage] += now - this.#lap;
    this.#lap = now;
  }

  /** Ends the measurement. */
  stop(): StageTimings {
    this.timings.total = performance.now() - this.#start;
    return this.timings;
  }
}
