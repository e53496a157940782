/**
 * How far a batch is, in words.
 *
 * @module
 */
import { type Clock, systemClock } from "../flow/clock.ts";
import { countOne } from "./failures.ts";
import type { BatchReceived, BatchRecord } from "./record.ts";
import type { BatchResult } from "./run.ts";

/** What became of an item, as far as it is told. */
export type Told =
  | Exclude<BatchResult, { readonly state: "done" }>
  | {
    readonly key: string;
    readonly state: "done";
    readonly record: Omit<BatchRecord, "tensors">;
  };

/** Items so far, by what became of them. */
export class BatchTally {
  /** Items with a record, of this run. */
  done = 0;
  /** Items that failed in this run. */
  failed = 0;
  /** Items that were done before this run. */
  before = 0;
  /** Items that failed before this run and were not tried again. */
  failedBefore = 0;
  /** Items whose key came a second time. */
  repeated = 0;
  /** Bytes that came over the network, and those of the files that they are of. */
  readonly received = { bytes: 0, of: 0 };
  readonly #codes = new Map<string, number>();
  readonly #clock: Clock;
  readonly #begin: number;

  /** Begins to measure. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#begin = clock.now();
  }

  /** Counts a result. */
  add(result: Told): void {
    if (result.state === "failed-before") this.failedBefore++;
    else this[result.state]++;
    if (result.state === "failed") countOne(this.#codes, result.failure.code);
    if (result.state !== "done") return;
    const { bytes, of } = result.record.received ?? { bytes: 0, of: 0 };
    this.received.bytes += bytes;
    this.received.of += of;
  }

  /** How many items failed in this run, by code. */
  get kinds(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#codes);
  }

  /** Items so far, repeated ones once. */
  get items(): number {
    return this.done + this.failed + this.before + this.failedBefore;
  }

  /** Records that are there now. */
  get records(): number {
    return this.done + this.before;
  }

  /** Items a second, of those that were worked on. */
  get rate(): number {
    const seconds = (this.#clock.now() - this.#begin) / 1000;
    return seconds > 0 ? (this.done + this.failed) / seconds : 0;
  }

  /** A line of progress. */
  line(total: number | undefined): string {
    const { items, rate, failed, failedBefore } = this;
    const faults = failed + failedBefore;
    return ratedText({ done: items, total, what: "items", rate }) +
      (faults > 0 ? `, ${faults} failed` : "");
  }
}

/** How long a queue takes still, by how fast its jobs become fewer, whoever works on them. */
export class JobsLeft {
  readonly #clock: Clock;
  #first: { readonly jobs: number; readonly at: number } | undefined;
  #now = 0;

  /** Knows nothing yet. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Takes how many are left now. */
  note(jobs: number): void {
    // More than before: some were submitted meanwhile.
    if (this.#first === undefined || jobs > this.#now) {
      this.#first = { jobs, at: this.#clock.now() };
    }
    this.#now = jobs;
  }

  /** In words; empty before the first look. */
  get text(): string {
    if (this.#first === undefined) return "";
    const { jobs, at } = this.#first;
    const rate = (jobs - this.#now) / Math.max(1e-3, (this.#clock.now() - at) / 1000);
    return `${this.#now} jobs in the queue` +
      (rate > 0 ? `, ${duration(this.#now / rate)} left` : "");
  }
}

/** How much is done, how fast, and how long the rest takes, where it is known how much there is. */
export function ratedText(
  { done, total, what, rate }: {
    readonly done: number;
    readonly total: number | undefined;
    readonly what: string;
    /** How much a second. */
    readonly rate: number;
  },
): string {
  const all = total === undefined ? "" : ` of ${total}`;
  const isKnown = total !== undefined && rate > 0;
  const left = isKnown ? `, ${duration((total - done) / rate)} left` : "";
  return `${done}${all} ${what}, ${rate.toFixed(rate < 10 ? 2 : 0)}/s${left}`;
}

/** Kinds of failures with how many there are of each, in brackets; empty where there is none. */
export function kindsText(failures: Readonly<Record<string, number>>): string {
  const words = Object.entries(failures).map(([code, count]) => `${code} ${count}`);
  return words.length > 0 ? ` (${words.join(", ")})` : "";
}

/** What was read of sources elsewhere, in words. */
export function receivedText({ bytes, of }: BatchReceived): string {
  const share = (100 * bytes / Math.max(1, of)).toFixed(1);
  return `read ${bytes} of ${of} bytes (${share} %) over the network`;
}

/** Seconds in words, to two units. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(whole / unit));
  if (days! > 0) return `${days} d ${hours! % 24} h`;
  if (hours! > 0) return `${hours} h ${minutes! % 60} min`;
  return minutes! > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
