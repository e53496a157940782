/**
 * Where ONNX Runtime's shared library lies: the user's own by path, else the one inside
 * `npm:onnxruntime-node`, which brings builds for Linux, macOS and Windows.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { isFile } from "@vcs/transport/internal";
import { OnnxError } from "../errors.ts";

/** Environment variable that names the user's own library. */
export const LIBRARY_VARIABLE = "VCS_ONNXRUNTIME";

/** Names of the library in the npm package, by operating system. */
const NAMES: { readonly [os: string]: { folder: string; file: string } } = {
  linux: { folder: "linux", file: "libonnxruntime.so.1" },
  darwin: { folder: "darwin", file: "libonnxruntime.1.dylib" },
  windows: { folder: "win32", file: "onnxruntime.dll" },
};

/** Folder of the npm package; the import makes Deno install it. */
async function packageFolder(): Promise<string> {
  await import("npm:onnxruntime-node@1.30.0/package.json", { with: { type: "json" } });
  const file = import.meta.resolve("npm:onnxruntime-node@1.30.0/package.json");
  return fileURLToPath(new URL(".", file));
}

/**
 * Path of the library: the given one, else that of the variable `VCS_ONNXRUNTIME`, else the
 * library of the npm package.
 *
 * @throws {OnnxError} `library-missing` where the npm package has no build for this system.
 */
export async function findLibrary(library?: string): Promise<string> {
  const own = library ?? Deno.env.get(LIBRARY_VARIABLE);
  if (own) return own;
  const names = NAMES[Deno.build.os];
  const arch = Deno.build.arch === "x86_64" ? "x64" : "arm64";
  const folder = await packageFolder();
  const path = `${folder}bin/napi-v6/${names?.folder}/${arch}/${names?.file}`;
  const found = await isFile(path);
  if (names === undefined || !found) {
    throw new OnnxError(
      "library-missing",
      `Cannot find ONNX Runtime for ${Deno.build.target}: looked for ${path}; set ${LIBRARY_VARIABLE} to the path of a shared library of your own`,
    );
  }
  return path;
}
