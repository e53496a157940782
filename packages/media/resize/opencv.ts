/**
 * OpenCV's bilinear resize of 8-bit RGB (`INTER_LINEAR`), bit for bit: no antialiasing, 11-bit
 * weights, two truncations and one rounding.
 *
 * @module
 */
import { type NeighbourTaps, roundHalfEven, type Size, type Window } from "./taps.ts";

/** Sum of both weights. */
const ONE = 2048;

type Taps = NeighbourTaps<Int32Array>;

/** What becomes of a neighbour's position and the second one's weight at the borders. */
type Border = (low: number, part: number) => readonly [number, number];

function makeTaps(from: number, to: number, start: number, count: number, border: Border): Taps {
  const taps: Taps = {
    low: new Int32Array(count),
    high: new Int32Array(count),
    lowWeight: new Int32Array(count),
    highWeight: new Int32Array(count),
  };
  const last = from - 1;
  for (let i = 0; i < count; i++) {
    const position = Math.fround((start + i + 0.5) * (from / to) - 0.5);
    const whole = Math.floor(position);
    const [low, part] = border(whole, Math.fround(position - whole));
    taps.low[i] = Math.min(Math.max(low, 0), last);
    taps.high[i] = Math.min(Math.max(low + 1, 0), last);
    taps.lowWeight[i] = roundHalfEven(Math.fround(Math.fround(1 - part) * ONE));
    taps.highWeight[i] = roundHalfEven(Math.fround(part * ONE));
  }
  return taps;
}

/** Columns: at the borders the neighbour is dropped before the weights are computed. */
function columnTaps(from: number, to: number, start: number, count: number): Taps {
  return makeTaps(from, to, start, count, (low, part) => {
    if (low < 0) return [0, 0];
    return low >= from - 1 ? [from - 1, 0] : [low, part];
  });
}

/** Rows: the weights stay, only the rows that they point to are kept inside the image. */
function rowTaps(from: number, to: number, start: number, count: number): Taps {
  return makeTaps(from, to, start, count, (low, part) => [low, part]);
}

/** Resizes images of one size, again and again, and computes what a window of the result shows. */
export class OpencvBilinear {
  readonly #stride: number;
  readonly #columns: Taps;
  readonly #rows: Taps;

  /** Prepares to resize from one size to another, of which only the window is computed. */
  constructor(from: Size, to: Size, window: Window) {
    this.#stride = 3 * from.width;
    this.#columns = columnTaps(from.width, to.width, window.left, window.width);
    this.#rows = rowTaps(from.height, to.height, window.top, window.height);
  }

  /**
   * Resizes an image.
   *
   * @param data RGB bytes, [height, width, 3]
   * @param out where the window's rows go
   * @param at place of the first byte in `out`. Default: 0.
   * @param stride bytes from row to row of `out`. Default: those of the window.
   */
  resize(
    data: Uint8Array,
    out: Uint8Array,
    at = 0,
    stride: number = 3 * this.#columns.low.length,
  ): void {
    const lines = new LineCache(data, this.#stride, this.#columns);
    const { low, high, lowWeight, highWeight } = this.#rows;
    for (let y = 0; y < low.length; y++) {
      const upper = lines.get(low[y]!);
      const lower = lines.get(high[y]!);
      blend(out.subarray(at + y * stride), upper, lower, lowWeight[y]!, highWeight[y]!);
    }
  }
}

/** The last rows that were scaled across: neighbouring output rows share them. */
class LineCache {
  readonly #data: Uint8Array;
  readonly #stride: number;
  readonly #taps: Taps;
  readonly #lines: [Int32Array, Int32Array];
  readonly #numbers = [-1, -1];
  #oldest = 0;

  constructor(data: Uint8Array, stride: number, taps: Taps) {
    this.#data = data;
    this.#stride = stride;
    this.#taps = taps;
    const length = taps.low.length * 3;
    this.#lines = [new Int32Array(length), new Int32Array(length)];
  }

  get(y: number): Int32Array {
    const held = this.#numbers.indexOf(y);
    if (held >= 0) {
      this.#oldest = 1 - held;
      return this.#lines[held]!;
    }
    const slot = this.#oldest;
    this.#numbers[slot] = y;
    this.#oldest = 1 - slot;
    this.#fill(this.#lines[slot]!, y * this.#stride);
    return this.#lines[slot]!;
  }

  /** The horizontal pass: sums of two pixels. */
  #fill(line: Int32Array, start: number): void {
    const { low, high, lowWeight, highWeight } = this.#taps;
    const data = this.#data;
    for (let x = 0; x < low.length; x++) {
      const at = 3 * x;
      const a = start + low[x]! * 3;
      const b = start + high[x]! * 3;
      const wa = lowWeight[x]!;
      const wb = highWeight[x]!;
      line[at] = data[a]! * wa + data[b]! * wb;
      line[at + 1] = data[a + 1]! * wa + data[b + 1]! * wb;
      line[at + 2] = data[a + 2]! * wa + data[b + 2]! * wb;
    }
  }
}

/** The vertical pass, with OpenCV's two truncations and its rounding at the end. */
function blend(
  row: Uint8Array,
  upper: Int32Array,
  lower: Int32Array,
  upperWeight: number,
  lowerWeight: number,
): void {
  for (let i = 0; i < upper.length; i++) {
    const sum = ((upperWeight * (upper[i]! >> 4)) >> 16) + ((lowerWeight * (lower[i]! >> 4)) >> 16);
    const value = (sum + 2) >> 2;
    row[i] = value > 255 ? 255 : value;
  }
}
