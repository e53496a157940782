/**
 * Removes runs that are older than they are to be kept.
 *
 * @module
 */
import { join } from "node:path";
import { listRuns } from "./reader.ts";

/** Files that a run of ours or of the original has at its top; what has others is not touched. */
const OURS =
  /^(config\.json|summary\.json|drift\.csv|metrics\.csv|peaks_\d+\.csv|events\.jsonl|embeddings|snapshots)$/;

/** When anything of a run was written last; undefined for what is no run. */
async function lastWritten(run: string): Promise<number | undefined> {
  if (!(await Deno.lstat(run)).isDirectory) return undefined;
  let latest: number | undefined;
  for await (const { name } of Deno.readDir(run)) {
    if (!OURS.test(name)) return undefined;
    const { mtime } = await Deno.lstat(join(run, name));
    latest = Math.max(latest ?? 0, mtime?.getTime() ?? Infinity);
  }
  return latest;
}

/**
 * Removes the runs of a folder to which nothing was written for some days, but nothing that looks
 * like something else.
 *
 * @returns the names of those that were removed
 * @throws {Deno.errors} of the system
 */
export async function removeOldRuns(
  root: string,
  days: number,
  now: number = Date.now(),
): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await listRuns(root)) {
    const run = join(root, name);
    const written = await lastWritten(run);
    if (written === undefined || now - written < days * 86_400_000) continue;
    await Deno.remove(run, { recursive: true });
    removed.push(name);
  }
  return removed;
}
