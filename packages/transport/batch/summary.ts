/**
 * How far a batch is, in words.
 *
 * @module
 */
import { type Clock, systemClock } from "../flow/clock.ts";
import type { BatchRecord } from "./record.ts";
import type { BatchResult } from "./run.ts";

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
  readonly #clock: Clock;
  readonly #begin: number;

  /** Begins to measure. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#begin = clock.now();
  }

  /** Counts a result. */
  add(result: { readonly state: BatchResult["state"]; readonly record?: BatchRecord }): void {
    const { state, record } = result;
    if (state === "failed-before") this.failedBefore++;
    else this[state]++;
    this.received.bytes += record?.received?.bytes ?? 0;
    this.received.of += record?.received?.of ?? 0;
  }

  /** What was read of sources elsewhere, in words; empty where nothing was. */
  get reading(): string {
    const { bytes, of } = this.received;
    const share = (100 * bytes / Math.max(1, of)).toFixed(1);
    return of > 0 ? `read ${bytes} of ${of} bytes (${share} %) over the network` : "";
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
    const all = total === undefined ? "" : ` of ${total}`;
    const left = total === undefined || rate === 0
      ? ""
      : `, ${duration((total - items) / rate)} left`;
    const faults = failed + failedBefore;
    return `${items}${all} items, ${rate.toFixed(rate < 10 ? 2 : 0)}/s${left}` +
      (faults > 0 ? `, ${faults} failed` : "");
  }
}

/** Seconds in words, to two units. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(whole / unit));
  if (days! > 0) return `${days} d ${hours! % 24} h`;
  if (hours! > 0) return `${hours} h ${minutes! % 60} min`;
  return minutes! > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
