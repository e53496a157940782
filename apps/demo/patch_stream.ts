/**
 * The demo's step for `@vcs/patch-stream`: which patches of the film carry its energy.
 *
 * @module
 */
import { encodeJpeg } from "@vcs/media/image";
import { VideoReader } from "@vcs/media/video_reader";
import { readSafetensors } from "@vcs/transport/safetensors";
import { join } from "node:path";
import { runCommand } from "./commands.ts";
import { clipPath } from "./media.ts";

/** A sampled frame and what was kept of it. */
export interface SampledFrame {
  /** Its image, relative to the demo's folder. */
  readonly image: string;
  /** Number of the frame in the film. */
  readonly frame: number;
  /** When it is shown, in seconds. */
  readonly pts: number;
  /** Cells of the grid that were kept, row by row. */
  readonly kept: readonly number[];
  /** Energy of every cell, row by row. */
  readonly energy: readonly number[];
}

/** What the step measured. */
export interface PatchStreamRun {
  /** Seconds of the film. */
  readonly duration: number;
  /** Columns and rows of patches in a frame. */
  readonly grid: { readonly columns: number; readonly rows: number; readonly patchSize: number };
  /** Patches kept. */
  readonly kept: number;
  /** Patches that there are. */
  readonly patches: number;
  /** Part of the energy that the kept patches carry, 0 to 1. */
  readonly energyShare: number;
  /** Bytes of the file of patches. */
  readonly bytes: number;
  /** Milliseconds from the opened film to the finished patches. */
  readonly milliseconds: number;
  /** Numbers in each kept patch, and their type. */
  readonly tensor: { readonly shape: readonly number[]; readonly dtype: string };
  /** The sampled frames. */
  readonly frames: readonly SampledFrame[];
}

/** What the command reports, as far as the page needs it. */
interface Report {
  readonly durationSec: number;
  readonly sampledFrameIds: readonly number[];
  readonly pts: readonly number[];
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly grid: { readonly gridW: number; readonly gridH: number; readonly patchSize: number };
  readonly patches: string;
  readonly timings: { readonly total: number };
}

const total = (values: Iterable<number>) => Iterator.from(values).reduce((a, b) => a + b, 0);

/** Keeps the patches of the film that carry the most energy. */
export async function runPatchStream(folder: string): Promise<PatchStreamRun> {
  const target = join(folder, "patch-stream");
  const json = await runCommand("patch-stream", [
    ...["--sequence-length", "16", "--k-keep", "640", "--key-frames", "first"],
    ...["--json", "--view", "--out-dir", target, await clipPath()],
  ]);
  const report = JSON.parse(json) as Report;
  const bytes = await Deno.readFile(report.patches);
  const { tensors } = readSafetensors(bytes);
  const numbers = (name: string) => Array.from(tensors.get(name)!.data, Number);
  const [fields, scores, energy] = [numbers("fields"), numbers("scores"), numbers("score_map")];
  const { gridW: columns, gridH: rows, patchSize } = report.grid;
  const kept = keptCells(fields, report.pts.length, columns * rows);
  const images = await writeImages(target, report.sampledFrameIds);
  return {
    duration: report.durationSec,
    grid: { columns, rows, patchSize },
    kept: scores.length,
    patches: energy.length,
    energyShare: total(scores) / total(energy),
    bytes: bytes.length,
    milliseconds: report.timings.total,
    tensor: { shape: report.shape, dtype: report.dtype },
    frames: report.pts.map((pts, place) => ({
      image: `patch-stream/${images[place]}`,
      frame: report.sampledFrameIds[place]!,
      pts,
      kept: kept[place]!,
      energy: energy.slice(place * columns * rows, (place + 1) * columns * rows),
    })),
  };
}

/** The kept cells of each frame, from the fields [place, frame, key, linear index, row, column]. */
function keptCells(fields: readonly number[], frames: number, cells: number): number[][] {
  const kept: number[][] = Array.from({ length: frames }, () => []);
  for (let at = 0; at < fields.length; at += 6) kept[fields[at]!]!.push(fields[at + 3]! % cells);
  return kept.map((places) => places.sort((a, b) => a - b));
}

/** Writes the frames as images; returns their names. */
async function writeImages(folder: string, frames: readonly number[]): Promise<string[]> {
  await using video = await VideoReader.open(await clipPath());
  const names: string[] = [];
  for await (const frame of video.framesAt(frames)) {
    const name = `frame_${String(frame.index).padStart(3, "0")}.jpg`;
    await Deno.writeFile(join(folder, name), await encodeJpeg(frame, { quality: 88 }));
    names.push(name);
  }
  return names;
}
