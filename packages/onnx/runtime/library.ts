/**
 * Where ONNX Runtime's shared library lies: the user's own by path, else the one that is taken from
 * the npm package onnxruntime-node, of whose builds only this platform's is fetched.
 *
 * @module
 */
import { TransportError } from "@vcs/transport/errors";
import { findPart, installPart, type Part } from "@vcs/transport/internal";
import { join } from "node:path";
import { OnnxError } from "../errors.ts";
import { ONNX_RUNTIME } from "./runtime_part.ts";

/** Environment variable that names the user's own library. */
export const LIBRARY_VARIABLE = "VCS_ONNXRUNTIME";

/** Path of the library in a part of which it is the first file; fetched where it is missing. */
export async function libraryOf(part: Part): Promise<string> {
  const folder = await installPart(part);
  const { packages: [found] } = await findPart(part);
  const [file = ""] = Object.keys(found?.files ?? {});
  return join(folder, "node_modules", found?.name ?? "", ...file.split("/"));
}

/**
 * Path of the library: the given one, else that of the variable `VCS_ONNXRUNTIME`, else the one
 * that is fetched at its first use.
 *
 * @throws {OnnxError} `library-missing` where there is no build for this system, or it cannot be
 * fetched.
 */
export async function findLibrary(library?: string): Promise<string> {
  const own = library ?? Deno.env.get(LIBRARY_VARIABLE);
  if (own) return own;
  try {
    return await libraryOf(ONNX_RUNTIME);
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const hint = `or set ${LIBRARY_VARIABLE} to the path of a shared library of your own`;
    throw new OnnxError("library-missing", `${error.message}; ${hint}`, { cause: error });
  }
}
