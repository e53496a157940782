/**
 * Which windows of a stream were seen, which arrived twice and which are missing.
 *
 * @module
 */

/** Consecutive windows, by number. */
export interface WindowRange {
  /** Id of the stream. */
  readonly streamId: string;
  /** First window. */
  readonly from: number;
  /** Last window. */
  readonly to: number;
}

/** How a window relates to those before it. */
export type WindowFate = "next" | "duplicate" | "new-stream";

/** Ranges that are listed; further ones are only counted. */
const LISTED = 10_000;

/** Tracks the windows of one stream after the other, in the order in which they are decoded. */
export class WindowOrder {
  readonly #missing: WindowRange[] = [];
  #streamId: string | undefined;
  #next = 0;
  #missingCount = 0;

  /** Missing windows, in order; the first ten thousand ranges. */
  get missing(): readonly WindowRange[] {
    return this.#missing;
  }

  /** Number of missing windows. */
  get missingCount(): number {
    return this.#missingCount;
  }

  /** Id of the current stream. */
  get streamId(): string | undefined {
    return this.#streamId;
  }

  /** Number of the next window. */
  get next(): number {
    return this.#next;
  }

  /** How a window relates to those before it; changes nothing. */
  look(streamId: string, sequence: number): WindowFate {
    if (streamId !== this.#streamId) return "new-stream";
    return sequence < this.#next ? "duplicate" : "next";
  }

  /** Switches to another stream; its windows before this one are not missing. */
  begin(streamId: string, sequence: number): void {
    this.#streamId = streamId;
    this.#next = sequence;
  }

  /** Notes a window that is decoded now; those skipped before it are missing. */
  take(sequence: number): void {
    this.skipTo(sequence);
    this.#next = sequence + 1;
  }

  /** Counts the windows before a number as missing. */
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
