/**
 * What the terminal shows of a watch: a meter while it goes on, and a summary at its end.
 *
 * @module
 */
import { basename } from "node:path";
import type { RunTotals } from "../runs/writer.ts";
import { openSource } from "../source.ts";

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
  const broken = (counters.truncated_frames ?? 0) + (counters.decode_errors ?? 0);
  const number = (x: number | null) => x?.toFixed(4) ?? "none";
  return [
    `Total frames: ${frames}`,
    `Duration: ${seconds.toFixed(1)}s`,
    `Average FPS: ${(seconds > 0 ? frames / seconds : 0).toFixed(1)}`,
    `Mean similarity: ${number(similarity.mean)} (std ${number(similarity.std)})`,
    `Min similarity: ${number(similarity.min)}`,
    `Max similarity: ${number(similarity.max)}`,
    ...(broken === 0 ? [] : [`Broken frames: ${broken}`]),
    ...(path === undefined ? [] : [`Output: ${path}`]),
  ].join("\n");
}

/** The same for machines; a password in the source's URL is left out. */
export function resultOf(spec: string, totals: RunTotals, path: string | undefined) {
  return { stream: openSource(spec).name, ...totals, run: path ?? null };
}

/** A short name of a source for a tile: its host, or the name of its file. */
export function shortName(spec: string): string {
  return /^https?:\/\//i.test(spec) ? new URL(spec).host : basename(spec) || spec;
}
