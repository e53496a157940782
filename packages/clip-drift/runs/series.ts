/**
 * A run that lasts for weeks as one folder a day: at the first frame of a new local day the folder is
 * closed with its summary, and the next one begins.
 *
 * @module
 */
import type { RunFolder, RunFrame, RunTotals } from "./writer.ts";
import { SimilaritySums } from "../measures/similarity_stats.ts";

/** What a watch writes to: a folder, or a series of them. */
export type RunWriter = Pick<
  RunFolder,
  "path" | "name" | "write" | "snapshot" | "event" | "finish" | typeof Symbol.asyncDispose
>;

/** Days by the local clock, so that a folder is a day as people see it. */
function dayOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

/** What a folder of the series holds so far. */
class Part {
  readonly sums = new SimilaritySums();
  frames = 0;
  first: number | undefined;
  last = 0;

  add({ timestamp, row }: RunFrame): void {
    // As in a run of one folder, the first frame has no similarity.
    if (this.first !== undefined) this.sums.add(row.similarity);
    this.first ??= timestamp;
    this.last = timestamp;
    this.frames++;
  }
}

/** Differences of two sets of counters. */
function since(now: RunTotals["counters"], before: RunTotals["counters"]): RunTotals["counters"] {
  return Object.fromEntries(
    Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)]),
  );
}

/** A folder a day. */
export class RunSeries implements RunWriter {
  readonly #next: () => Promise<RunFolder>;
  readonly #counters: () => RunTotals["counters"];
  #run: RunFolder;
  #part = new Part();
  #before: RunTotals["counters"] = {};
  #isSplit = false;

  private constructor(
    run: RunFolder,
    next: () => Promise<RunFolder>,
    counters: () => RunTotals["counters"],
  ) {
    this.#run = run;
    this.#next = next;
    this.#counters = counters;
  }

  /**
   * Begins with a first folder.
   *
   * @param next makes a folder
   * @param counters the watch's counters so far
   */
  static async open(
    next: () => Promise<RunFolder>,
    counters: () => RunTotals["counters"],
  ): Promise<RunSeries> {
    return new RunSeries(await next(), next, counters);
  }

  /** Path of the folder that is being written. */
  get path(): string {
    return this.#run.path;
  }

  /** Name of the folder that is being written. */
  get name(): string {
    return this.#run.name;
  }

  /** Writes a frame, into the next folder where its day is another one. */
  async write(frame: RunFrame): Promise<string | undefined> {
    const { first } = this.#part;
    if (first !== undefined && dayOf(frame.timestamp) !== dayOf(first)) await this.#split();
    this.#part.add(frame);
    return await this.#run.write(frame);
  }

  /** Goes on in a new folder; where none can be made, in the old one. */
  async #split(): Promise<void> {
    const next = await this.#next().catch(() => undefined);
    if (next === undefined) return;
    const counters = this.#counters();
    await this.#close(counters);
    this.#run = next;
    this.#part = new Part();
    this.#before = counters;
    this.#isSplit = true;
  }

  async #close(counters: RunTotals["counters"]): Promise<void> {
    const { frames, first = 0, last, sums } = this.#part;
    await this.#run.finish({
      ...{ frames, seconds: last - first, similarity: sums.stats },
      counters: since(counters, this.#before),
    });
    await this.#run[Symbol.asyncDispose]();
  }

  /** Writes a snapshot. */
  snapshot(frame: RunFrame): Promise<string | undefined> {
    return this.#run.snapshot(frame);
  }

  /** Writes an event. */
  event(event: object): Promise<void> {
    return this.#run.event(event);
  }

  /** Writes the last folder's summary: of that folder, not of all. */
  async finish(totals: RunTotals): Promise<void> {
    if (!this.#isSplit) return await this.#run.finish(totals);
    const { frames, first = 0, last, sums } = this.#part;
    const counters = since(totals.counters, this.#before);
    await this.#run.finish({ frames, seconds: last - first, similarity: sums.stats, counters });
  }

  /** Closes the last folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run[Symbol.asyncDispose]();
  }
}
