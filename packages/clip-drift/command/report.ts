/**
 * What the terminal shows of a watch: a meter while it goes on, and a summary at its end.
 *
 * @module
 */
import { basename } from "node:path";
import type { RunTotals } from "../runs/writer.ts";
import { sourceKind } from "@vcs/media/internal";

/** The meter that stands for the frame on machines without a screen. */
export function meterLine(index: number, drift: number, label?: string): string {
  const filled = Math.round(40 * Math.min(5 * drift, 1));
  const bar = filled === 0 ? "" : `${"=".repeat(filled - 1)}>`;
  const line = `Frame ${String(index).padStart(6)}: [${bar.padEnd(40)}] ${drift.toFixed(4)}`;
  return label === undefined ? line : `${line} ${label}`;
}

/** The summary of a run, one number per line; `path` is its folder, if there is one. */
export function summary(totals: RunTotals, path: string | undefined): string {
  const { frames, seconds, similarity, counters } = totals;
  const { dropped_frames: dropped = 0, limited_frames: limited = 0 } = counters;
  const broken = (counters.truncated_frames ?? 0) + (counters.decode_errors ?? 0);
  const number = (x: number | null) => x?.toFixed(4) ?? "none";
  return [
    `Total frames: ${frames}`,
    `Duration: ${seconds.toFixed(1)}s`,
    `Average FPS: ${(seconds > 0 ? frames / seconds : 0).toFixed(1)}`,
    `Mean similarity: ${number(similarity.mean)} (std ${number(similarity.std)})`,
    `Min similarity: ${number(similarity.min)}`,
    `Max similarity: ${number(similarity.max)}`,
    ...(dropped === 0 ? [] : [`Dropped for later frames: ${dropped} (${share(dropped, frames)})`]),
    ...(limited === 0 ? [] : [`Dropped by --max-fps: ${limited} (${share(limited, frames)})`]),
    ...(broken === 0 ? [] : [`Broken frames: ${broken}`]),
    ...(path === undefined ? [] : [`Output: ${path}`]),
  ].join("\n");
}

/** The same for machines; a stream's name has no password. */
export function resultOf(stream: string, totals: RunTotals, path: string | undefined) {
  return { stream, ...totals, run: path ?? null };
}

/** How many of all frames were left out, in percent. */
export function share(left: number, watched: number): string {
  return `${(100 * left / (left + watched)).toFixed(1)} %`;
}

/** A short name of a source for a tile: its host, or the name of its file. */
export function shortName(spec: string): string {
  const host = sourceKind(spec) !== "path" && URL.canParse(spec) && new URL(spec).host;
  return host || basename(spec) || spec;
}
