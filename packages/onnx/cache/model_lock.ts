/**
 * What came when a file was first fetched: its SHA-256, for files of which nobody publishes one (or
 * only its first digits), in a list that a user can commit. Later downloads must be the same.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { type Environment, variable, withLock } from "@vcs/transport/internal";
import { OnnxError } from "../errors.ts";
import type { ModelFile } from "../store.ts";
import { writeNote } from "./identity.ts";
import { modelDirectory } from "./paths.ts";

/** What is known of a file since it was first fetched. */
export interface LockEntry {
  /** Of its content, in hexadecimal. */
  readonly sha256: string;
  /** Revision of the repository on the hub that it came from. */
  readonly revision?: string;
}

/** The list: `VCS_LOCK`, else `models.lock.json` among our models. */
export function lockPath(env: Environment): string {
  return variable(env, "VCS_LOCK") ?? join(modelDirectory(env), "models.lock.json");
}

/** How the list names a file. */
function referenceOf(file: ModelFile): string {
  return "repository" in file ? `hf:${file.repository}/${file.file}` : file.url;
}

/** Whether the authors' full SHA-256 of a file is known, so that nothing need be remembered. */
export function isPinned({ sha256 = "" }: ModelFile): boolean {
  return sha256.length === 64;
}

async function readLock(env: Environment): Promise<Map<string, LockEntry>> {
  const path = lockPath(env);
  let text = "{}";
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    const entries = Object.entries<LockEntry>(JSON.parse(text));
    if (entries.every(([, entry]) => /^[0-9a-f]{64}$/.test(entry.sha256))) return new Map(entries);
  } catch { /* As below. */ }
  throw new OnnxError(
    "checksum-mismatch",
    `Cannot read ${path}: found something else, expected SHA-256 by the names of files`,
  );
}

/**
 * What came when a file was first fetched.
 *
 * @throws {OnnxError} `checksum-mismatch` if the list is damaged.
 */
export async function lockEntry(file: ModelFile, env: Environment): Promise<LockEntry | undefined> {
  return (await readLock(env)).get(referenceOf(file));
}

/** Notes what came; names are sorted, so that lists can be compared. */
export async function addLockEntry(
  file: ModelFile,
  entry: LockEntry,
  env: Environment,
): Promise<void> {
  const path = lockPath(env);
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.mkdir(modelDirectory(env), { recursive: true });
  await withLock(join(modelDirectory(env), ".models.lock"), async () => {
    const entries = (await readLock(env)).set(referenceOf(file), entry);
    const sorted = Object.fromEntries([...entries].sort(([a], [b]) => a < b ? -1 : 1));
    await writeNote(path, `${JSON.stringify(sorted, undefined, 2)}\n`);
  });
}
