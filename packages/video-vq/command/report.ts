/**
 * What the commands report: a status line, a log of JSON lines and the totals at the end.
 *
 * @module
 */
import { latencyLine, openLog, ProgressLine, say, type Summary } from "@vcs/transport/internal";
import type { ReceiveStatistics } from "../receive.ts";
import type { SendStatistics } from "../send.ts";
import { rangesOf, rangesText } from "../stream/window_order.ts";

const INTERVAL = 250;
const LOG_INTERVAL = 1000;
/** Entries of a list in a line of the log, the last ones, or of a report, the first ones; totals
 * have them all. */
const LISTED = 20;

/** Shows and logs statistics while a stream runs. */
export class Monitor implements Disposable {
  readonly #line = new ProgressLine();
  readonly #log: Deno.FsFile | undefined;
  readonly #read: () => { line: string; data: object };
  readonly #timer: ReturnType<typeof setInterval>;
  #loggedAt = 0;

  private constructor(read: () => { line: string; data: object }, log: Deno.FsFile | undefined) {
    this.#read = read;
    this.#log = log;
    this.#timer = setInterval(() => this.#tick(), INTERVAL);
  }

  /**
   * Starts to report.
   *
   * @param read gives the status line and what to log
   * @param path file for JSON lines; undefined for none
   * @param inputs what the command reads, and the log must not be
   */
  static async open(
    read: () => { line: string; data: object },
    path: string | undefined,
    inputs: readonly (string | undefined)[],
  ): Promise<Monitor> {
    return new Monitor(read, path === undefined ? undefined : await openLog(path, inputs));
  }

  #tick(): void {
    const { line, data } = this.#read();
    this.#line.update(line);
    if (performance.now() - this.#loggedAt < LOG_INTERVAL) return;
    this.#loggedAt = performance.now();
    this.#write(data);
  }

  #write(data: object): void {
    const time = new Date().toISOString();
    const bytes = new TextEncoder().encode(JSON.stringify({ time, ...data }, shortened) + "\n");
    for (let at = 0; this.#log && at < bytes.length;) at += this.#log.writeSync(bytes.subarray(at));
  }

  /** Ends reporting; the last state is logged. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#write(this.#read().data);
    this.#line[Symbol.dispose]();
    this.#log?.close();
  }
}

function shortened(_: string, value: unknown): unknown {
  return Array.isArray(value) ? value.slice(-LISTED) : value;
}

function milliseconds({ p50, p90, p99 }: Summary): string {
  return [p50, p90, p99].map((seconds) => (seconds * 1000).toFixed(0)).join("/");
}

/** A sender's state in one line. */
export function sendLine(s: SendStatistics): string {
  const dropped = s.droppedCount + (s.framesDropped > 0 ? ` (+${s.framesDropped} frames)` : "");
  return `${s.sent} windows sent, ${dropped} dropped, queue ${s.queue.depth}, in flight ` +
    `${s.inFlight.now}, encode ${milliseconds(s.encode)} ms, ${
      (100 * s.utilisation).toFixed(0)
    } % busy`;
}

/** A receiver's state in one line. */
export function receiveLine(s: ReceiveStatistics): string {
  return `${s.decoded} windows, ${s.missingCount} missing, ${s.duplicates} duplicates, queue ` +
    `${s.queue.depth}, transfer ${milliseconds(s.transfer)} ms, decode ${
      milliseconds(s.decode)
    } ms`;
}

/** Bitrate of some bytes in some seconds, for people. */
export function bitrate(bytes: number, seconds: number): string {
  return seconds > 0 ? `${(bytes * 8 / 1000 / seconds).toFixed(1)} kbit/s` : "-";
}

/** Says what a sender has done, and how many frames its source could not decode. */
export function saySent(s: SendStatistics, seconds: number, damaged: number): void {
  say(
    `sent ${s.sent} of ${s.windows} windows, ${s.framesIn} frames, ${s.bytes} bytes (${
      bitrate(s.bytes, seconds)
    }); encode ${milliseconds(s.encode)} ms (50/90/99 %), ${s.blockedSeconds.toFixed(1)} s blocked`,
  );
  if (damaged > 0) say(`${damaged} frames of the source were damaged`);
  if (s.framesDropped > 0) say(`dropped ${s.framesDropped} frames that arrived while encoding`);
  if (s.droppedCount > 0) {
    const ranges = listed(rangesOf(s.dropped));
    say(`dropped ${s.droppedCount} windows that did not fit the send queue: ${ranges}`);
  }
}

function listed(ranges: readonly { from: number; to: number }[]): string {
  const more = ranges.length - LISTED;
  return rangesText(ranges.slice(0, LISTED)) + (more > 0 ? ` and ${more} more stretches` : "");
}

/** Says what a receiver has done. */
export function sayReceived(s: ReceiveStatistics): void {
  say(
    `received ${s.received} windows, ${s.decoded} decoded, ${s.framesOut} frames out; decode ${
      milliseconds(s.decode)
    } ms (50/90/99 %)`,
  );
  if (s.streams > 1) say(`they were of ${s.streams} streams, one after the other`);
  if (s.outside > 0) say(`left out ${s.outside} windows before --from or after --to`);
  if (s.fitted > 0) say(`fitted ${s.fitted} windows of other sizes to that of the first`);
  if (s.replayed > 0) say(`${s.replayed} of them from the journal`);
  if (s.joinedAt > 0) {
    say(`joined at window ${s.joinedAt}: the windows before it were not received`);
  }
  if (s.duplicates > 0) say(`skipped ${s.duplicates} duplicate windows`);
  if (s.missingCount > 0) {
    say(
      `missing ${s.missingCount} windows: ${
        listed(s.missing)
      } (${s.damaged} damaged, ${s.undecodable} without those before them, ${s.dropped} dropped by the receive queue)`,
    );
  }
  if (s.latency.fill > 0) say(`delay: ${latencyLine(s.latency)}`);
}
