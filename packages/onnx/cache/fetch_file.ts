/**
 * Fetches one file of a model into our folder, held against what its authors publish, or against
 * what came when it was first fetched.
 *
 * @module
 */
import { TransportError } from "@vcs/transport/errors";
import {
  defined,
  download,
  type Environment,
  printable,
  say,
  sha256Of,
} from "@vcs/transport/internal";
import { OnnxError } from "../errors.ts";
import type { ModelFile, ResolveOptions } from "../store.ts";
import { askHub } from "./hub.ts";
import { addLockEntry, isPinned, lockEntry, lockPath } from "./model_lock.ts";
import { ownPath } from "./places.ts";

/** Where a file is, and what it must be. */
interface FileSource {
  readonly url: string;
  readonly headers?: { readonly [name: string]: string };
  readonly sha256?: string;
  readonly size?: number;
  readonly revision?: string;
}

/** What went wrong with a download, as an error of this package. */
function rethrow(error: unknown, hint: string): never {
  if (!(error instanceof TransportError)) throw error;
  const isOther = error.code === "checksum";
  throw new OnnxError(
    isOther ? "checksum-mismatch" : "download-failed",
    isOther ? error.message + hint : error.message,
    { cause: error },
  );
}

/** Asks where a file is. Of a hub's file the revision is the one that is known, if one is. */
async function sourceOf(
  file: ModelFile,
  known: { readonly sha256?: string; readonly revision?: string },
  env: Environment,
  options: ResolveOptions,
): Promise<FileSource> {
  const wanted = defined({ sha256: known.sha256 ?? file.sha256, size: file.size });
  if (!("repository" in file)) return { url: file.url, ...wanted };
  const revision = file.revision ?? known.revision;
  return { ...await askHub({ ...file, ...defined({ revision }) }, env, options), ...wanted };
}

/**
 * Notes what came of a file of which nobody publishes the SHA-256, and says so. That is before the file
 * has its name: a process that is killed in between leaves no file that is never noted.
 */
async function remember(
  file: ModelFile,
  path: string,
  { revision }: FileSource,
  env: Environment,
  { onLine = say, signal }: ResolveOptions,
): Promise<void> {
  const sha256 = await sha256Of(path, signal);
  try {
    await addLockEntry(file, { sha256, ...defined({ revision }) }, env);
    onLine(
      printable(
        `Trusted at its first use: ${file.file}, SHA-256 ${sha256}; noted in ${lockPath(env)}`,
      ),
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    onLine(
      printable(`note: cannot note the SHA-256 of ${file.file} in ${lockPath(env)}: ${reason}`),
    );
  }
}

/**
 * Downloads a file of a model into our folder.
 *
 * @returns its path
 * @throws {OnnxError} `download-failed`, or `checksum-mismatch` where other bytes came.
 */
export async function fetchFile(
  file: ModelFile,
  env: Environment,
  { onProgress, ...options }: ResolveOptions,
): Promise<string> {
  const path = ownPath(file, env);
  const known = isPinned(file) ? undefined : await lockEntry(file, env);
  const source = await sourceOf(file, known ?? {}, env, options);
  const { url, revision: _, ...expected } = source;
  const hint = known
    ? `; ${
      lockPath(env)
    } has it from its first use: remove it there if the file was replaced for good`
    : "";
  const isNew = !isPinned(file) && known === undefined;
  await download(url, path, {
    ...options,
    ...expected,
    onProgress: (progress) => onProgress?.(file.file, progress),
    ...(isNew && { onComplete: (part) => remember(file, part, source, env, options) }),
  }).catch((error) => rethrow(error, hint));
  return path;
}
