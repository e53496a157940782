/**
 * Which windows of a stream were seen, which came twice and which never came.
 *
 * @module
 */

/** Windows in a row, by number. */
export interface WindowRange {
  /** Names the stream. */
  readonly streamId: string;
  /** First window. */
  readonly from: number;
  /** Last window. */
  readonly to: number;
}

/** What a window is to the windows before it. */
export type WindowFate = "next" | "duplicate" | "new-stream";

/** Ranges kept one by one; further ones are only counted. */
const LISTED = 10_000;

/** Follows the windows of one stream after the other, in the order in which they are decoded. */
export class WindowOrder {
  readonly #missing: WindowRange[] = [];
  #streamId: string | undefined;
  #next = 0;
  #missingCount = 0;

  /** Windows that were left out, in order; the first ten thousand ranges. */
  get missing(): readonly WindowRange[] {
    return this.#missing;
  }

  /** Number of windows that were left out. */
  get missingCount(): number {
    return this.#missingCount;
  }

  /** The stream that windows come from now. */
  get streamId(): string | undefined {
    return this.#streamId;
  }

  /** Number of the window that should come next. */
  get next(): number {
    return this.#next;
  }

  /** What a window would be; nothing changes. */
  look(streamId: string, sequence: number): WindowFate {
    if (streamId !== this.#streamId) return "new-stream";
    return sequence < this.#next ? "duplicate" : "next";
  }

  /** Follows another stream from now on; what it had before it was joined is not missing. */
  begin(streamId: string, sequence: number): void {
    this.#streamId = streamId;
    this.#next = sequence;
  }

  /** Takes note of a window that is decoded now; what lies before it and did not come is missing. */
  take(sequence: number): void {
    this.skipTo(sequence);
    this.#next = sequence + 1;
  }

  /** Gives up the windows before a number. */
  skipTo(sequence: number): void {
    if (sequence <= this.#next) return;
    this.#missingCount += sequence - this.#next;
    const range = { streamId: this.#streamId!, from: this.#next, to: sequence - 1 };
    if (this.#missing.length < LISTED) this.#missing.push(range);
    this.#next = sequence;
  }
}

/** Numbers in any order as ranges of neighbours. */
export function rangesOf(numbers: readonly number[]): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.to === number - 1) last.to = number;
    else ranges.push({ from: number, to: number });
  }
  return ranges;
}

/** Ranges for people: `3, 7-9`. */
export function rangesText(ranges: readonly { from: number; to: number }[]): string {
  return ranges.map(({ from, to }) => from === to ? `${from}` : `${from}-${to}`).join(", ");
}
