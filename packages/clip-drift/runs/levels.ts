/**
 * Summaries of a run beside its frames, so that a plot of weeks reads as little as one of an hour:
 * `peaks_16.csv`, `peaks_64.csv` … `peaks_16384.csv` have a line for as many frames each, with when
 * they began, how many they are, and the peak of each measure.
 *
 * @module
 */
import { join } from "node:path";
import { METRICS } from "../drift.ts";
import { joinPeaks, type PeakRow } from "../measures/decimation.ts";
import { AppendFile } from "./append_file.ts";
import type { RunFrame } from "./writer.ts";

/** Frames of a line of each level. */
export const LEVELS = [16, 64, 256, 1024, 4096, 16384] as const;

/** Name of a level's file. */
export const levelFile = (frames: number): string => `peaks_${frames}.csv`;

const HEAD = `timestamp,frames,${METRICS.join(",")}\r\n`;

function rowOf({ timestamp, row }: RunFrame): PeakRow {
  return Float64Array.from([timestamp, 1, ...METRICS.map((name) => row[name] ?? NaN)]);
}

function lineOf([timestamp = 0, frames, ...peaks]: PeakRow): string {
  const values = peaks.map((peak) => Number.isNaN(peak) ? "" : peak.toFixed(6));
  return `${[timestamp.toFixed(6), frames, ...values].join(",")}\r\n`;
}

/** One level that is being written; what it has written is a part of a line of the next one. */
class Level {
  readonly #file: AppendFile;
  readonly #frames: number;
  readonly #next: Level | undefined;
  #open: PeakRow | undefined;

  constructor(file: AppendFile, frames: number, next: Level | undefined) {
    this.#file = file;
    this.#frames = frames;
    this.#next = next;
  }

  /** Takes a stretch, which is the level's from now on; what is to wait for, if a line was full. */
  add(row: PeakRow): Promise<void> | undefined {
    if (this.#open === undefined) this.#open = row;
    else joinPeaks(this.#open, row);
    return this.#open[1]! >= this.#frames ? this.flush() : undefined;
  }

  async flush(): Promise<void> {
    const row = this.#open;
    this.#open = undefined;
    if (row === undefined) return;
    await Promise.all([this.#file.append(lineOf(row)), this.#next?.add(row)]);
  }

  close(): Promise<void> {
    return this.#file[Symbol.asyncDispose]();
  }
}

/** The levels of a run that is being written. */
export class RunLevels implements AsyncDisposable {
  /** The finest first. */
  readonly #levels: readonly Level[];

  private constructor(levels: readonly Level[]) {
    this.#levels = levels;
  }

  /** Makes the files in a run's folder. */
  static async create(folder: string): Promise<RunLevels> {
    const levels: Level[] = [];
    for (const frames of LEVELS.toReversed()) {
      const file = await AppendFile.create(join(folder, levelFile(frames)), HEAD);
      levels.unshift(new Level(file, frames, levels[0]));
    }
    return new RunLevels(levels);
  }

  /** Takes a frame. */
  async add(frame: RunFrame): Promise<void> {
    await this.#levels[0]!.add(rowOf(frame));
  }

  /** Writes what no line was full of. */
  async finish(): Promise<void> {
    for (const level of this.#levels) await level.flush();
  }

  /** Closes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const level of this.#levels) await level.close();
  }
}
