/**
 * The work of `clip-drift search` and `clip-drift runs`.
 *
 * @module
 */
import { basename, resolve } from "node:path";
import { print, printable, say } from "@vcs/transport/internal";
import { embedTexts } from "../clip/labels.ts";
import type { Encoder } from "../encoder.ts";
import { exportRun } from "../runs/export.ts";
import { type SearchHit, searchRuns } from "../runs/search.ts";
import { fileFrame } from "../source.ts";
import { openModel } from "./open_model.ts";
import type { SearchSettings } from "./past_runs.ts";

/** The embedding of what is searched for. */
async function queryOf(
  { like, text = "", allowClass: allowGlobals }: SearchSettings,
  encoder: Encoder,
  signal: AbortSignal,
): Promise<Float32Array> {
  if (like === undefined) {
    const options = { signal, onLine: say, allowGlobals };
    const [embedding] = await embedTexts([text], encoder.info, options);
    return embedding!;
  }
  const image = await fileFrame(await Deno.readFile(like), 0).image();
  return await encoder.encode(image);
}

/** A frame that was found, as a line for people. */
function lineOf({ run, time, frame, score, snapshot }: SearchHit): string {
  return printable(`${score.toFixed(4)} ${time} ${run} frame ${frame} ${snapshot ?? ""}`.trimEnd());
}

/** Searches the runs of a folder, and prints what was found. */
export async function searchKept(
  runs: string,
  settings: SearchSettings,
  signal: AbortSignal,
): Promise<void> {
  using encoder = await openModel(settings, signal);
  const query = await queryOf(settings, encoder, signal);
  const { count, json } = settings;
  const hits = await searchRuns(runs, query, encoder.info, { count, signal, onLine: say });
  for (const hit of hits) print(json ? JSON.stringify(hit) : lineOf(hit));
}

/** Writes a run as a parquet file, and says where it is. */
export async function exportKept(run: string, output: string | undefined): Promise<void> {
  const path = output ?? `${basename(resolve(run))}.parquet`;
  await exportRun(run, path);
  say(`Wrote ${path}`);
}
