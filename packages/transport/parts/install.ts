/**
 * Brings a part onto this machine: downloads that are resumed and verified, unpacked beside their
 * place and renamed when all is there, one process at a time. What was interrupted, at whatever
 * moment, is never used.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { DownloadBar, megabytes } from "../command/download_bar.ts";
import { say } from "../command/terminal.ts";
import { TransportError } from "../errors.ts";
import { type Environment, environment } from "../command/environment.ts";
import { isSet } from "../fetch/cache_folder.ts";
import { download } from "../fetch/download.ts";
import { withLock } from "../fetch/lock.ts";
import type { RequestOptions } from "../fetch/requests.ts";
import {
  currentPlatform,
  folderName,
  packageFolder,
  packagesFor,
  type Part,
  type PartPackage,
  partPlaces,
  partsDirectory,
  partTitle,
  totalBytes,
} from "./part.ts";
import { linkModules } from "./linked_modules.ts";
import { npmRegistry } from "./npm_registry.ts";
import { findWheel, pythonIndex } from "./python_index.ts";
import { unpack } from "./unpack.ts";

/** Settings of an installation. */
export interface InstallOptions extends RequestOptions {
  /** Environment variables to go by. Default: those of the process. */
  readonly env?: Environment;
  /** Platform to fetch for, as `linux-x64`. Default: this one. */
  readonly platform?: string;
  /** Called with lines for people. Default: lines on stderr. */
  onLine?: (line: string) => void;
}

/** Where a part is, or would be, and what it takes to get it there. */
export interface PartState {
  /** Its folder, in which `packageFolder` says where a package lies. */
  readonly folder: string;
  /** Whether it is there. */
  readonly isHere: boolean;
  /** Its packages for this platform. */
  readonly packages: readonly PartPackage[];
  /** Bytes to fetch where it is not. */
  readonly bytes: number;
}

/** A silent connection is given up soon: a person waits for it. */
const REQUEST = { idleTimeoutSeconds: 10, tries: 2, waitSeconds: 1 };

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    // What may not be looked at is not known to be missing.
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

/**
 * Looks where a part is.
 *
 * @throws {TransportError} `unsupported` where it has nothing for this platform.
 */
export async function findPart(part: Part, options: InstallOptions = {}): Promise<PartState> {
  const { env = environment, platform = currentPlatform() } = options;
  const packages = packagesFor(part, platform);
  if (packages === undefined) {
    const platforms = [...new Set(part.packages.flatMap((p) => p.platform ?? []))].join(", ");
    throw new TransportError(
      "unsupported",
      `Cannot load ${partTitle(part)}: found ${platform}, it is built for ${platforms}`,
    );
  }
  const places = partPlaces(folderName(part, packages), env);
  for (const folder of places) {
    if (await isFolder(folder)) return { folder, isHere: true, packages, bytes: 0 };
  }
  return { folder: places.at(-1)!, isHere: false, packages, bytes: totalBytes(packages) };
}

/**
 * Brings a part onto this machine where it is not.
 *
 * @returns its folder, in which `packageFolder` says where a package lies
 * @throws {TransportError} `unsupported` where it has nothing for this platform, `part-missing`
 * where it cannot be fetched or kept, `checksum` where other bytes came.
 */
export async function installPart(part: Part, options: InstallOptions = {}): Promise<string> {
  const { signal } = options;
  const state = await findPart(part, options);
  if (state.isHere) return state.folder;
  try {
    signal?.throwIfAborted();
    refuseOffline(part, options);
    await installAlone(part, state, options);
    return state.folder;
  } catch (error) {
    signal?.throwIfAborted();
    throw explained(part, state, error, options);
  }
}

function refuseOffline(part: Part, { env = environment }: InstallOptions): void {
  if (!isSet(env, "VCS_OFFLINE")) return;
  throw new TransportError(
    "part-missing",
    `Cannot load ${
      partTitle(part)
    }: it is not on this machine, and fetching is forbidden (VCS_OFFLINE)`,
  );
}

/** Installs while no other process does, or finds the other's work done. */
async function installAlone(
  part: Part,
  { folder, packages, bytes }: PartState,
  options: InstallOptions,
): Promise<void> {
  const { env = environment, onLine = say, signal, clock } = options;
  const title = `${partTitle(part)} (${megabytes(bytes)})`;
  await Deno.mkdir(dirname(folder), { recursive: true });
  const onWait = () => onLine(`Waiting for ${title}, which is being fetched already`);
  await withLock(`${folder}.lock`, async () => {
    if (await isFolder(folder)) return;
    const from = packages.some(({ wheel }) => wheel) ? pythonIndex(env).url : npmRegistry(env).url;
    onLine(`Fetching ${title} from ${from} into ${partsDirectory(env)}, once`);
    const work = `${folder}.part`;
    await fetchAll(packages, work, options);
    await removeIfThere(join(work, "archives"));
    await Deno.rename(work, folder);
  }, { onWait, signal, clock });
}

/** Where a package's archive lies, and under which name it is kept until it is unpacked. */
async function archiveOf(
  { name, version, wheel }: PartPackage,
  env: Environment,
  request: RequestOptions,
): Promise<{ file: string; url: string; headers?: { readonly [name: string]: string } }> {
  const file = wheel ?? `${name.split("/").at(-1)}-${version}.tgz`;
  if (wheel === undefined) {
    const { url, ...credentials } = npmRegistry(env);
    return { file, url: `${url}/${name}/-/${file}`, ...credentials };
  }
  return { file, ...await findWheel(pythonIndex(env), name, wheel, request) };
}

async function fetchAll(
  packages: readonly PartPackage[],
  work: string,
  options: InstallOptions,
): Promise<void> {
  const { env = environment, platform: _, onLine = say, ...settings } = options;
  using bar = new DownloadBar(onLine);
  const request = { ...REQUEST, ...settings, onLine: bar.onLine };
  for (const item of packages) {
    const { name, bytes, integrity, files, wheel } = item;
    const { file, url, ...more } = await archiveOf(item, env, request);
    const path = join(work, "archives", name, file);
    const isPrefix = files !== undefined && wheel === undefined;
    await download(url, path, {
      ...{ ...request, ...more, integrity, size: bytes, isPrefix },
      onProgress: (progress) => bar.onProgress(file, progress),
    });
    await unpack(path, packageFolder(work, item), item);
    if (wheel === undefined) await linkModules(packageFolder(work, item));
  }
}

async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** What went wrong, as an error that says what to do. */
function explained(part: Part, state: PartState, error: unknown, options: InstallOptions): Error {
  if (error instanceof TransportError) {
    if (error.code === "part-missing" || error.code === "checksum") return error;
    return new TransportError(
      "part-missing",
      `Cannot fetch ${partTitle(part)} (${megabytes(state.bytes)}): ${error.message}`,
      { cause: error },
    );
  }
  const reason = error instanceof Error ? error.message : String(error);
  // Besides the disk only an unpacker fails here, with a TypeError.
  const hint = error instanceof TypeError ? "" : "; set VCS_CACHE to a folder that can be written";
  return new TransportError(
    "part-missing",
    `Cannot keep ${partTitle(part)} in ${partsDirectory(options.env)}: ${reason}${hint}`,
    { cause: error },
  );
}
