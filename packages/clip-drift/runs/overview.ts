/**
 * A run as a page shows it: its measures as curves, what happened and when, and some snapshots. What
 * is read does not grow with the run where it has summaries (see `levels.ts`).
 *
 * @module
 */
import { join } from "node:path";
import { METRICS } from "../drift.ts";
import { PeakDecimation, type PeakRow } from "../measures/decimation.ts";
import { levelFile, LEVELS } from "./levels.ts";
import {
  isFrameLine,
  lineBatches,
  readAbout,
  readTail,
  type Run,
  snapshotNames,
} from "./reader.ts";
import { DRIFT_HEAD } from "./writer.ts";

/** Something that happened, for the axis of time. */
export interface RunMark {
  /** When, in seconds since 1970. */
  readonly time: number;
  /** What kind, as in `events.jsonl`. */
  readonly type: string;
  /** What to show to people. */
  readonly text: string;
  /** Name that the snapshot of an alert has, if there is one. */
  readonly snapshot?: string;
}

/** Measures over time. */
export interface RunCurves {
  /** When each stretch began, in seconds since 1970. */
  readonly times: readonly number[];
  /** The peak of each stretch by measure, null where there was no value. */
  readonly measures: Readonly<Record<string, readonly (number | null)[]>>;
}

/** A run with as many points as a plot needs. */
export interface RunOverview extends Pick<Run, "name" | "config" | "summary"> {
  /** Number of frames; those of a run that goes on may lack the last line of its summary. */
  readonly frames: number;
  /** Measures over time; those of two files may have times of their own. */
  readonly curves: readonly RunCurves[];
  /** What happened, in its order: alerts first where it was too much. */
  readonly marks: readonly RunMark[];
}

/** The snapshots of a run, of which a page shows some. */
export interface RunSnapshots {
  /** How many there are. */
  readonly count: number;
  /** Names of some, evenly spread. */
  readonly some: readonly string[];
  /** Names of those of the alerts in {@linkcode RunOverview.marks}. */
  readonly alerts: readonly string[];
}

/** Frames of a line of the coarsest summary. */
const MOST_FRAMES = Math.max(...LEVELS);
/** Lines of a summary from which on a plot needs no finer one. */
const ENOUGH = 500;
/** Bytes that a summary never has that is read: a finer one than needed may be larger. */
const MAX_SUMMARY = 64 << 20;
/** Bytes of the latest events that are read, and things that happened that are shown. */
const [EVENT_BYTES, MARKS] = [4 << 20, 500];
/** Snapshots that are shown. */
const SNAPSHOTS = 60;

interface Curves {
  readonly rows: readonly PeakRow[];
  readonly names: readonly string[];
  readonly lines: number;
}

/** How to read a table of frames or stretches. */
interface TableOptions {
  /**
   * Whether a line counts, where that is told without the table's head. Default: lines below the head
   * with a time, and a number of frames where it has one.
   */
  readonly isFrame?: (line: string) => boolean;
  /** Most bytes of the file. Default: those of any table of frames. */
  readonly most?: number;
}

/** Reads a table of frames or stretches; undefined if there is none, or nothing in it. */
async function readCurves(
  path: string,
  points: number,
  { isFrame, most }: TableOptions = {},
): Promise<Curves | undefined> {
  const rows = new PeakDecimation(points);
  let head = isFrame && DRIFT_COLUMNS;
  let lines = 0;
  for await (const batch of lineBatches(path, most)) {
    for (const line of batch) {
      if (head === undefined) {
        head = headOf(line);
        continue;
      }
      const row = isFrame?.(line) === false ? undefined : rowOf(line.split(","), head);
      if (row === undefined) continue;
      rows.add(row);
      lines++;
    }
  }
  return head && lines > 0 ? { rows: rows.rows, names: head.names, lines } : undefined;
}

/** What the columns of a table are. */
interface Head {
  readonly count: number;
  readonly isSummary: boolean;
  readonly names: readonly string[];
  readonly columns: readonly number[];
}

function headOf(line: string): Head {
  const fields = line.split(",").map((field) => field.trim());
  const names = METRICS.filter((name) => fields.indexOf(name) > 0);
  const columns = names.map((name) => fields.indexOf(name));
  return { count: fields.length, isSummary: fields[1] === "frames", names, columns };
}

/** The columns of `drift.csv`, which is read by their places. */
const DRIFT_COLUMNS = headOf(DRIFT_HEAD.trimEnd());

/** A line as time, frames and measures; undefined if it is damaged. */
function rowOf(fields: readonly string[], head: Head): PeakRow | undefined {
  const frames = head.isSummary ? Number(fields[1]) : 1;
  const row = new Float64Array(2 + head.columns.length);
  row[0] = Number(fields[0]);
  row[1] = frames;
  head.columns.forEach((at, i) => row[i + 2] = fields[at] ? Number(fields[at]) : NaN);
  if (!Number.isFinite(row[0]) || !(frames >= 1 && frames <= MOST_FRAMES)) return undefined;
  return fields.length < head.count || !Number.isInteger(frames) ? undefined : row;
}

/** The coarsest summary that is fine enough, or else the frames themselves. */
async function readAll(path: string, points: number): Promise<readonly Curves[]> {
  for (const frames of LEVELS.toReversed()) {
    const level = await readCurves(join(path, levelFile(frames)), points, { most: MAX_SUMMARY });
    if (level !== undefined && level.lines >= ENOUGH) return [level];
  }
  const frames = await Promise.all([
    readCurves(join(path, "drift.csv"), points, { isFrame: isFrameLine }),
    readCurves(join(path, "metrics.csv"), points),
  ]);
  return frames.filter((curves) => curves !== undefined);
}

function curvesOf({ rows, names }: Curves): RunCurves {
  const measures = names.map((name, i) => {
    const values = rows.map((row) => Number.isFinite(row[i + 2]) ? row[i + 2]! : null);
    return [name, values] as const;
  });
  const used = measures.filter(([, values]) => values.some((value) => value !== null));
  return { times: rows.map(([time]) => time!), measures: Object.fromEntries(used) };
}

const shown = (value: unknown) => typeof value === "number" ? value.toFixed(4) : "?";

/** What an event says to people. */
function textOf(event: Readonly<Record<string, unknown>>): string {
  const { type, rule, metric, value, threshold, seconds, target, outcome, message } = event;
  if (type === "alert") return `${rule}: ${metric} ${shown(value)} above ${shown(threshold)}`;
  if (type === "gap") return `No frames for ${Number(seconds).toFixed(1)} s`;
  const parts = type === "delivery" ? [outcome, target, message] : [message];
  return parts.filter((part) => typeof part === "string").join(": ");
}

function markOf(line: string): RunMark[] {
  try {
    const event = Object(JSON.parse(line));
    const { type, time = event.to, frame } = event;
    if (typeof type !== "string" || !Number.isFinite(time)) return [];
    const snapshot = type === "alert" && Number.isSafeInteger(frame)
      ? { snapshot: `frame_${String(frame).padStart(6, "0")}.jpg` }
      : {};
    return [{ time, type, text: textOf(event).slice(0, 300), ...snapshot }];
  } catch {
    return [];
  }
}

/** The latest of some events. */
function latestMarks(lines: readonly string[], most: number): RunMark[] {
  const marks: RunMark[] = [];
  for (let i = lines.length - 1; i >= 0 && marks.length < most; i--) {
    marks.push(...markOf(lines[i]!));
  }
  return marks;
}

/** The latest marks, of which alerts go first. */
async function readMarks(path: string): Promise<RunMark[]> {
  const lines = await readTail(join(path, "events.jsonl"), EVENT_BYTES);
  // A week has far more events than are shown, and most of the time would go into reading them.
  const { alerts = [], others = [] } = Object.groupBy(
    lines,
    (line) => /"type": ?"alert"/.test(line) ? "alerts" : "others",
  );
  const marks = latestMarks(alerts, MARKS);
  return [...marks, ...latestMarks(others, MARKS - marks.length)].sort((a, b) => a.time - b.time);
}

/** Some of many, evenly spread, with the first. */
function spread<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.floor(i * all.length / most)]!);
}

/**
 * Reads a run for a page, in bounded memory however long it was.
 *
 * @param points most points of a curve, at least 2: of each stretch the peak
 * @throws {ClipDriftError} `bad-run` if there is no such folder, or what is in it is no such file
 */
export async function readRunOverview(path: string, points: number): Promise<RunOverview> {
  const about = await readAbout(path);
  const curves = await readAll(path, points);
  const frames = curves[0]?.rows.reduce((sum, row) => sum + row[1]!, 0) ?? 0;
  return { ...about, frames, curves: curves.map(curvesOf), marks: await readMarks(path) };
}

/**
 * Lists a run's snapshots for a page. It has a request of its own, as a week's are listed in as much
 * time as the rest takes.
 *
 * @throws {ClipDriftError} `bad-run` if there is no such folder, or what is in it is no such file
 */
export async function readRunSnapshots(path: string): Promise<RunSnapshots> {
  await readAbout(path);
  const names = await snapshotNames(path);
  const known = new Set(names);
  const marked = (await readMarks(path)).map(({ snapshot = "" }) => snapshot);
  return {
    count: names.length,
    some: spread(names, SNAPSHOTS),
    alerts: marked.filter((name) => known.has(name)),
  };
}

/** A reading of paths in which all who ask for one while it is being read get the same reading. */
export function shared<T>(read: (path: string) => Promise<T>): (path: string) => Promise<T> {
  const readings = new Map<string, Promise<T>>();
  return (path) => {
    const reading = readings.get(path) ?? read(path).finally(() => readings.delete(path));
    readings.set(path, reading);
    return reading;
  };
}
