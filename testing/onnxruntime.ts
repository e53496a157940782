/**
 * The oldest ONNX Runtime that we claim to take, from `npm:onnxruntime-node`: without the package's
 * scripts, in Deno's cache. Run this file to fetch it before the tests.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { npmFile } from "./npm_package.ts";

/** The oldest version; the latest is that of the import map, with which all tests run. */
export const OLDEST = "1.21.0";

/** Names of the libraries in the packages, by operating system. */
const NAMES: { readonly [os: string]: RegExp } = {
  linux: /^libonnxruntime\.so\.1/,
  darwin: /^libonnxruntime\..*dylib$/,
  windows: /^onnxruntime\.dll$/,
};

/** Path of the oldest library; throws where there is none for this system, or no network. */
export async function oldestLibrary(): Promise<string> {
  const arch = Deno.build.arch === "x86_64" ? "x64" : "arm64";
  const os = Deno.build.os === "windows" ? "win32" : Deno.build.os;
  const folder = new URL(
    `bin/napi-v3/${os}/${arch}/`,
    await npmFile(`onnxruntime-node@${OLDEST}/package.json`),
  );
  for await (const { name } of Deno.readDir(folder)) {
    if (NAMES[Deno.build.os]?.test(name)) return fileURLToPath(new URL(name, folder));
  }
  throw new Error(`Cannot find ONNX Runtime ${OLDEST}: there is no library in ${folder}`);
}

if (import.meta.main) await oldestLibrary();
