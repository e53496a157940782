/**
 * The test bed: makes clips of every kind by the ffmpeg program, and compares what the reader gives
 * with what that program shows. `deno task media-bed 1000 REPORT` runs so many, goes on where it was
 * ended, and writes REPORT.jsonl (a line a clip) and REPORT.md.
 *
 * @module
 */
import { say } from "@vcs/transport/internal";
import { type Draw, drawClips, makeClip } from "./clip.ts";
import { type BackendName, type Difference, differencesOf } from "./differences.ts";
import { differs, writeReport } from "./report.ts";
import { truthOf } from "./truth.ts";

/** What came of one clip. */
export interface Outcome {
  /** Number that the clip is drawn from. */
  readonly number: number;
  /** What it is. */
  readonly draw: Draw;
  /** Frames that ffmpeg shows. */
  readonly frames: number;
  /** Whether ffmpeg complains about it. */
  readonly complaints: boolean;
  /** Frames whose times ffmpeg makes up, or lets go back; 0 where all times are as it shows them. */
  readonly doubtful: number;
  /** What differs, by backend. */
  readonly differences: Readonly<Record<BackendName, readonly Difference[]>>;
}

/** Makes a clip and compares both backends with ffmpeg; undefined where it cannot be made. */
export async function tryClip(
  folder: string,
  number: number,
  draw: Draw,
): Promise<Outcome | undefined> {
  const path = await makeClip(folder, number, draw).catch(() => undefined);
  if (path === undefined) return undefined;
  const truth = await truthOf(path);
  const differences = {
    "node-av": await differencesOf(path, truth, "node-av"),
    ffmpeg: await differencesOf(path, truth, "ffmpeg"),
  };
  const complaints = truth.complaints.length > 0;
  const [frames, doubtful] = [truth.hashes.length, truth.doubtful.size];
  return { number, draw, frames, complaints, doubtful, differences };
}

/** The outcomes of earlier runs of a report, which this one goes on with. */
async function earlier(path: string): Promise<Outcome[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** Clips at once: while one waits for ffmpeg, another is compared. */
const AT_ONCE = 2;

/** Tries the clips from a number on. */
async function tryClips(first: number, draws: Iterator<Draw, never>): Promise<Outcome[]> {
  const outcomes = await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) => {
    const folder = await Deno.makeTempDir({ prefix: "media-bed-" });
    const outcome = await tryClip(folder, first + i, draws.next().value);
    await Deno.remove(folder, { recursive: true });
    return outcome;
  }));
  return outcomes.filter((outcome) => outcome !== undefined);
}

async function main([count = "100", report = ".cache/media-bed"]: string[]): Promise<void> {
  const log = `${report}.jsonl`;
  const outcomes = await earlier(log);
  const start = (outcomes.at(-1)?.number ?? -1) + 1;
  const draws = drawClips();
  for (let number = 0; number < start; number++) draws.next();
  for (let number = start; outcomes.length < Number(count); number += AT_ONCE) {
    const tried = await tryClips(number, draws);
    outcomes.push(...tried);
    const lines = tried.map((outcome) => JSON.stringify(outcome));
    await Deno.writeTextFile(log, lines.map((line) => `${line}\n`).join(""), { append: true });
    for (const outcome of tried.filter(differs)) say(JSON.stringify(outcome));
  }
  await writeReport(report, outcomes);
  say(`${outcomes.length} clips, ${outcomes.filter(differs).length} with differences`);
}

if (import.meta.main) await main(Deno.args);
