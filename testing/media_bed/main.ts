/**
 * The test bed: makes clips of every kind by the ffmpeg program, and compares what the reader gives
 * with what that program shows. `deno task media-bed 1000 REPORT` runs so many but for those that an
 * earlier run tried (a clip whose line is taken out is tried again), and writes REPORT.jsonl (a line
 * a clip) and REPORT.md; with values behind it, as `codec=gif cut=none`, only clips with these.
 *
 * @module
 */
import { say } from "@vcs/transport/internal";
import { type Draw, drawClips, makeClip } from "./clip.ts";
import { type BackendName, type Difference, differencesOf } from "./differences.ts";
import { differs, writeReport } from "./report.ts";
import { TorchCodec } from "./torchcodec.ts";
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
  /** What torchcodec reads otherwise, where a Python has it. */
  readonly torchcodec?: readonly Difference[];
}

/** Makes a clip and compares both backends with ffmpeg; undefined where it cannot be made. */
export async function tryClip(
  folder: string,
  number: number,
  draw: Draw,
  torch?: TorchCodec,
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
  const torchcodec = await torch?.differencesOf(path, truth);
  return {
    ...{ number, draw, frames, complaints, doubtful, differences },
    ...(torchcodec === undefined ? {} : { torchcodec }),
  };
}

/** The outcomes of earlier runs of a report, which this one goes on with. */
async function earlier(path: string): Promise<Outcome[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** Clips at once: while one waits for ffmpeg, another is compared. */
const AT_ONCE = 2;

/** Clips that there are. */
const MOST = 4000;

/** The clips in order that have the values asked for, without those that an earlier run tried. */
function* untried(
  tried: ReadonlySet<number>,
  values: readonly string[],
): Generator<[number, Draw], void> {
  for (const [number, draw] of drawClips().take(MOST).toArray().entries()) {
    const own = Object.entries(draw).map((value) => value.join("="));
    if (!tried.has(number) && values.every((value) => own.includes(value))) yield [number, draw];
  }
}

async function main(
  [count = "100", report = ".cache/media-bed", ...values]: string[],
): Promise<void> {
  const log = `${report}.jsonl`;
  const outcomes = await earlier(log);
  await using torch = TorchCodec.start();
  const clips = untried(new Set(outcomes.map(({ number }) => number)), values);
  const lane = async () => {
    for (const clip of clips) {
      const folder = await Deno.makeTempDir({ prefix: "media-bed-" });
      const outcome = await tryClip(folder, ...clip, torch);
      await Deno.remove(folder, { recursive: true });
      if (outcome === undefined) continue;
      outcomes.push(outcome);
      await Deno.writeTextFile(log, `${JSON.stringify(outcome)}\n`, { append: true });
      if (differs(outcome)) say(JSON.stringify(outcome));
      if (outcomes.length >= Number(count)) return;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  await writeReport(report, outcomes.toSorted((a, b) => a.number - b.number));
  say(`${outcomes.length} clips, ${outcomes.filter(differs).length} with differences`);
}

if (import.meta.main) await main(Deno.args);
