/**
 * The test bed: makes clips of every kind by the ffmpeg program, and compares what the reader gives
 * with what that program shows. `deno task media-bed -- 1000 REPORT` runs so many and writes
 * REPORT.json and REPORT.md.
 *
 * @module
 */
import { type Draw, drawClip, makeClip } from "./clip.ts";
import { type BackendName, type Difference, differencesOf } from "./differences.ts";
import { writeReport } from "./report.ts";
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
  /** What differs, by backend. */
  readonly differences: Readonly<Record<BackendName, readonly Difference[]>>;
}

/** Makes a clip and compares both backends with ffmpeg; undefined where it cannot be made. */
export async function tryClip(folder: string, number: number): Promise<Outcome | undefined> {
  const draw = drawClip(number);
  const path = await makeClip(folder, number, draw).catch(() => undefined);
  if (path === undefined) return undefined;
  const truth = await truthOf(path);
  const differences = {
    "node-av": await differencesOf(path, truth, "node-av"),
    ffmpeg: await differencesOf(path, truth, "ffmpeg"),
  };
  const complaints = truth.complaints.length > 0;
  return { number, draw, frames: truth.hashes.length, complaints, differences };
}

async function main([count = "100", report, start = "0"]: string[]): Promise<void> {
  const outcomes: Outcome[] = [];
  for (let number = Number(start); outcomes.length < Number(count); number++) {
    const folder = await Deno.makeTempDir({ prefix: "media-bed-" });
    const outcome = await tryClip(folder, number);
    await Deno.remove(folder, { recursive: true });
    if (outcome === undefined) continue;
    outcomes.push(outcome);
    const found = Object.values(outcome.differences).flat();
    if (found.length > 0) console.log(JSON.stringify(outcome));
  }
  if (report !== undefined) await writeReport(report, outcomes);
  const wrong = outcomes.filter(({ differences }) => Object.values(differences).flat().length > 0);
  console.log(`${outcomes.length} clips, ${wrong.length} with differences`);
}

if (import.meta.main) await main(Deno.args);
