/**
 * The libraries of CUDA in this process: ONNX Runtime's CUDA build where it lies in our cache, and
 * those of NVIDIA, loaded by name where the system's loader finds them, else by the paths at which
 * we keep them. A library that is loaded serves everybody who asks for it by its name.
 *
 * @module
 */
import { findPart, type InstallOptions, packageFolder, type Part } from "@vcs/transport/internal";
import { TransportError } from "@vcs/transport/errors";
import { basename, dirname, join } from "node:path";
import {
  CUBLAS,
  CUDA_BUILD,
  CUDA_COMPILER,
  CUDA_RUNTIME,
  CUDNN,
  CUFFT,
  CURAND,
} from "./cuda_parts.ts";
import { DRIVER_FILE, loaderMessage } from "./driver.ts";
import { neededLibraries } from "./elf.ts";

/** NVIDIA's libraries, each before those that need it. */
export const NVIDIA_PARTS: readonly Part[] = [
  CUDA_RUNTIME,
  CUDA_COMPILER,
  CUBLAS,
  CURAND,
  CUFFT,
  CUDNN,
];

/** What a part has for this platform. */
export interface PartFiles {
  /** Whether it is on this machine. */
  readonly isHere: boolean;
  /** Bytes to fetch where it is not. */
  readonly bytes: number;
  /** Paths where its files are, or would be, in the order in which they are loaded. */
  readonly paths: readonly string[];
}

/**
 * Looks where the files of a part are.
 *
 * @throws {TransportError} `unsupported` where it has nothing for this platform.
 */
export async function findFiles(part: Part, options?: InstallOptions): Promise<PartFiles> {
  const { folder, isHere, bytes, packages: [item] } = await findPart(part, options);
  const paths = Object.keys(item?.files ?? {}).map((file) =>
    join(packageFolder(folder, item!), ...file.split("/"))
  );
  return { isHere, bytes, paths };
}

/** Path of the CUDA build, or undefined where it is not on this machine. */
export async function findCudaBuild(): Promise<string | undefined> {
  try {
    const { isHere, paths: [library] } = await findFiles(CUDA_BUILD);
    return isHere ? library : undefined;
  } catch (error) {
    if (error instanceof TransportError) return undefined;
    throw error;
  }
}

/**
 * Loads a library into this process.
 *
 * @returns name of the file that is missing: this one, or one that it needs
 */
export function missingOf(file: string): string | undefined {
  try {
    Deno.dlopen(file, {});
  } catch (error) {
    const [, missing] = /^(\S+): cannot open shared object/.exec(loaderMessage(error)) ?? [];
    return basename(missing ?? file);
  }
}

/** Whether the system's loader finds a part's libraries; those that it finds are loaded. */
export function isInstalled({ paths }: PartFiles): boolean {
  return missingOf(basename(paths.at(-1) ?? "")) === undefined;
}

/** Loads a part's libraries; gives what is missing. */
async function loadPart(part: Part): Promise<string[]> {
  const files = await findFiles(part);
  if (isInstalled(files)) return [];
  if (!files.isHere) return [basename(files.paths.at(-1) ?? "")];
  return files.paths.flatMap((path) => missingOf(path) ?? []);
}

/** The file beside a library with which ONNX Runtime reaches CUDA. */
function providerBeside(library: string): string {
  const isWindows = Deno.build.os === "windows";
  const name = isWindows ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";
  return join(dirname(library), name);
}

/**
 * Loads what a CUDA build of ONNX Runtime needs.
 *
 * @param own path of a build of the user's own. Default: ours.
 * @returns names of files that cannot be loaded, without the driver's
 */
export async function loadLibraries(own?: string): Promise<string[]> {
  const missing: string[] = [];
  for (const part of NVIDIA_PARTS) missing.push(...await loadPart(part));
  const library = own ?? await findCudaBuild();
  const needed = library === undefined ? [] : await neededBeside(library);
  // A build of the user's own may be for another CUDA, which only its own list says.
  const names = own === undefined ? missing : [];
  names.push(...needed.flatMap((name) => missingOf(name) ?? []));
  return [...new Set(names)].filter((name) => name !== DRIVER_FILE);
}

/** What a library's CUDA provider needs; nothing where it has none beside it. */
async function neededBeside(library: string): Promise<string[]> {
  return await neededLibraries(providerBeside(library)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  });
}
