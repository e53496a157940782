/**
 * Times of frames that come at a constant rate, of which only some are known: those of key frames, and all at
 * both ends. What is known is held against the rate; the others are counted.
 *
 * @module
 */

/** Most frames of a film: two days at 60 a second. */
const MOST_FRAMES = 12_000_000;

/** What is known of a film's frames, in ticks. */
export interface KnownTimes {
  /** Ticks from one frame to the next, as the header has it. */
  readonly step: number;
  /** Times of all frames up to the second key frame, ascending. */
  readonly head: readonly number[];
  /** Times of the key frames, ascending. */
  readonly keys: readonly number[];
  /** Times of all frames from the last key frame on, ascending. */
  readonly tail: readonly number[];
}

/** Ticks that sums of fractions may be off. */
const SLACK = 1e-6;

/** Rates whose times in nanoseconds are rounded: a step that is near one of them is that one. */
function exactStep(step: number, ticksOfSecond: number): number {
  const rate = ticksOfSecond / step;
  const near = [Math.round(rate), Math.round(rate * 1.001) / 1.001]
    .find((exact) => Math.abs(rate / exact - 1) < 1e-6);
  return near === undefined ? step : ticksOfSecond / near;
}

/** Times that are a whole number of steps from the first one, each rounded to a tick. */
class SteadyTimes {
  readonly #step: number;
  readonly #first: number;
  /** Where the first time can lie before it was rounded. */
  #low: number;
  #high: number;

  constructor(first: number, step: number) {
    [this.#first, this.#step] = [first, step];
    [this.#low, this.#high] = [first - 0.5, first + 0.5];
  }

  /** The number of a time, which narrows down where the first one lies. */
  numberOf(time: number): number {
    const number = Math.round((time - this.#first) / this.#step);
    const origin = time - number * this.#step;
    this.#low = Math.max(this.#low, origin - 0.5);
    this.#high = Math.min(this.#high, origin + 0.5);
    return number;
  }

  /** Whether there is a place of the first one from which all times are right. */
  get isSteady(): boolean {
    return this.#low <= this.#high + SLACK;
  }

  timeOf(number: number): number {
    // A half is rounded up.
    return Math.round((this.#low + this.#high) / 2 + number * this.#step + SLACK);
  }
}

/** Whether numbers follow one another. */
const areConsecutive = (numbers: readonly number[]): boolean =>
  numbers.every((number, i) => i === 0 || number === numbers[i - 1]! + 1);

/**
 * The times of all frames, in ticks; undefined where what is known does not come at a constant rate.
 *
 * @param ticksOfSecond ticks of a second
 */
export function steadyTimes(
  { step, head, keys, tail }: KnownTimes,
  ticksOfSecond: number,
): number[] | undefined {
  const [first, last] = [head[0], tail.at(-1)];
  if (!(step > 0) || first === undefined || last === undefined) return undefined;
  if (!((last - first) / step < MOST_FRAMES)) return undefined;
  const steady = new SteadyTimes(first, exactStep(step, ticksOfSecond));
  const [begin, end] = [head, tail].map((times) => times.map((time) => steady.numberOf(time)));
  for (const key of keys) steady.numberOf(key);
  const areWhole = areConsecutive(begin!) && areConsecutive(end!) && begin!.at(-1)! < end![0]!;
  if (!steady.isSteady || !areWhole) return undefined;
  const known = new Map([...head, ...keys, ...tail].map((time) => [steady.numberOf(time), time]));
  return Array.from({ length: end!.at(-1)! + 1 }, (_, i) => known.get(i) ?? steady.timeOf(i));
}
