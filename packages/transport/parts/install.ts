/**
 * Brings a part onto this machine: downloads that are resumed and verified, unpacked beside their
 * place and renamed when all is there, one process at a time. What was interrupted, at whatever
 * moment, is never used.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { DownloadBar, megabytes } from "../command/download_bar.ts";
import { say } from "../command/terminal.ts";
import { TransportError } from "../errors.ts";
import { type Environment, environment } from "../command/environment.ts";
import { isSet, variable } from "../fetch/cache_folder.ts";
import { download } from "../fetch/download.ts";
import { withLock } from "../fetch/lock.ts";
import type { RequestOptions } from "../fetch/requests.ts";
import { writeAll } from "../io/write_all.ts";
import {
  currentPlatform,
  folderName,
  packagesFor,
  type Part,
  type PartPackage,
  partPlaces,
  partsDirectory,
  partTitle,
  totalBytes,
} from "./part.ts";
import { type TarFile, tarFiles } from "./tar.ts";

/** Settings of an installation. */
export interface InstallOptions extends RequestOptions {
  /** Environment variables to go by. Default: those of the process. */
  readonly env?: Environment;
  /** Platform to fetch for, as `linux-x64`. Default: this one. */
  readonly platform?: string;
  /** Called with lines for people. Default: lines on stderr. */
  readonly onLine?: (line: string) => void;
}

/** Where a part is, or would be, and what it takes to get it there. */
export interface PartState {
  /** Its folder, which has a `node_modules`. */
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

/** The registry that packages come from: `NPM_CONFIG_REGISTRY`, else npm's. */
export function registryUrl(env: Environment = environment): string {
  const own = variable(env, "NPM_CONFIG_REGISTRY", "npm_config_registry");
  return (own ?? "https://registry.npmjs.org").replace(/\/+$/, "");
}

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
 * @returns its folder, which has a `node_modules`
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
    onLine(`Fetching ${title} from ${registryUrl(env)} into ${partsDirectory(env)}, once`);
    const work = `${folder}.part`;
    await fetchAll(packages, work, options);
    await removeIfThere(join(work, "tarballs"));
    await Deno.rename(work, folder);
  }, { onWait, signal, clock });
}

async function fetchAll(
  packages: readonly PartPackage[],
  work: string,
  options: InstallOptions,
): Promise<void> {
  const { env = environment, platform: _, onLine: __, ...request } = options;
  using bar = new DownloadBar();
  for (const { name, version, bytes, integrity, files } of packages) {
    const file = `${name.split("/").at(-1)}-${version}.tgz`;
    const path = join(work, "tarballs", name, file);
    await download(`${registryUrl(env)}/${name}/-/${file}`, path, {
      ...{ ...REQUEST, ...request, integrity, size: bytes, isPrefix: files !== undefined },
      onProgress: (progress) => bar.show(file, progress),
    });
    await unpack(path, join(work, "node_modules", name), files);
  }
}

/** Unpacks a tarball, or only some of its files; then the rest of it is not read. */
async function unpack(
  tarball: string,
  folder: string,
  wanted: PartPackage["files"],
): Promise<void> {
  const missing = new Set(Object.keys(wanted ?? {}));
  using file = await Deno.open(tarball);
  const plain = file.readable.pipeThrough(new DecompressionStream("gzip"));
  for await (const entry of tarFiles(plain, tarball)) {
    if (wanted === undefined) await unpackFile(entry, folder);
    if (wanted === undefined || !missing.delete(entry.path)) continue;
    const found = await unpackFile(entry, folder);
    if (found !== wanted[entry.path]) {
      throw new TransportError(
        "checksum",
        `Cannot use ${entry.path} of ${tarball}: found ${found}`,
      );
    }
    if (missing.size === 0) return;
  }
  if (missing.size === 0) return;
  throw new TransportError("format", `Cannot read ${tarball}: found no ${[...missing].join(", ")}`);
}

/** Writes a file; gives its hash as registries write it. */
async function unpackFile({ path, isExecutable, body }: TarFile, folder: string): Promise<string> {
  const target = join(folder, ...path.split("/"));
  await Deno.mkdir(dirname(target), { recursive: true });
  const mode = isExecutable ? 0o755 : 0o644;
  using file = await Deno.open(target, { write: true, create: true, truncate: true, mode });
  const hash = createHash("sha256");
  for await (const bytes of body) {
    hash.update(bytes);
    await writeAll(file, bytes);
  }
  return `sha256-${hash.digest("base64")}`;
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
