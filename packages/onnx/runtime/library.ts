/**
 * Where ONNX Runtime's shared library lies: the user's own by path, else the CUDA build where CUDA
 * works, else the one that is taken from the npm package onnxruntime-node, of whose builds only this
 * platform's is fetched.
 *
 * @module
 */
import { TransportError } from "@vcs/transport/errors";
import { environment, installPart, type Part } from "@vcs/transport/internal";
import { findCudaBuild, findFiles } from "../cuda/load.ts";
import { findCudaProblems } from "../cuda/problems.ts";
import { OnnxError } from "../errors.ts";
import { ONNX_RUNTIME } from "./runtime_part.ts";

/** Environment variable that names the user's own library. */
export const LIBRARY_VARIABLE = "VCS_ONNXRUNTIME";

/** A library, and why it is the one that is opened. */
export interface ChosenLibrary {
  /** Its path. */
  readonly path: string;
  /** Why, in a few words. */
  readonly why: string;
}

/** Path of the user's own library: the given one, else that of the variable. */
export function ownLibrary(library?: string): string | undefined {
  return library ?? (environment.get(LIBRARY_VARIABLE) || undefined);
}

/** Path of the library in a part of which it is the first file; fetched where it is missing. */
export async function libraryOf(part: Part): Promise<string> {
  await installPart(part);
  return (await findFiles(part)).paths[0] ?? "";
}

/** Our CUDA build where CUDA works, else the library for the CPU and WebGPU. */
async function choose(device: string): Promise<ChosenLibrary> {
  const build = device === "webgpu" ? undefined : await findCudaBuild();
  const [problem] = build === undefined ? [] : await findCudaProblems();
  if (build !== undefined && problem === undefined) {
    return { path: build, why: "the CUDA build, as an NVIDIA GPU is in reach" };
  }
  const why = problem === undefined ? "" : `, not the CUDA build: ${problem.reason}`;
  try {
    return { path: await libraryOf(ONNX_RUNTIME), why: `the build for CPU and WebGPU${why}` };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const hint = `or set ${LIBRARY_VARIABLE} to the path of a shared library of your own`;
    throw new OnnxError("library-missing", `${error.message}; ${hint}`, { cause: error });
  }
}

/** The choice of this process: two libraries in one share what they should not. */
let chosen: Promise<ChosenLibrary> | undefined;

/**
 * Chooses the library: the user's own, else, once in a process, one of ours. What is missing is
 * fetched; CUDA's, which is large, only by `pull cuda`.
 *
 * @param library path of a library of the user's own. Default: that of `VCS_ONNXRUNTIME`.
 * @param device what it is for. Default: `auto`.
 * @throws {OnnxError} `library-missing` where there is no build for this system, or it cannot be
 * fetched.
 */
export async function chooseLibrary(library?: string, device = "auto"): Promise<ChosenLibrary> {
  const path = ownLibrary(library);
  if (path) return { path, why: library ? "given" : `named by ${LIBRARY_VARIABLE}` };
  chosen ??= choose(device);
  return await chosen.catch((error) => {
    chosen = undefined;
    throw error;
  });
}

/** Path of the library that {@linkcode chooseLibrary} gives. */
export async function findLibrary(library?: string, device?: string): Promise<string> {
  return (await chooseLibrary(library, device)).path;
}
