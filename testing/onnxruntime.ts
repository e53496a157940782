/**
 * The oldest ONNX Runtime that we claim to take. Run this file to fetch it before the tests.
 *
 * @module
 */
import { libraryOf } from "../packages/onnx/runtime/library.ts";
import { OLDEST_RUNTIME } from "./oldest_runtime_part.ts";

/** The oldest version; the latest is that of the library's own table, with which all tests run. */
export const OLDEST: string = OLDEST_RUNTIME.packages[0]!.version;

/** Path of the oldest library; throws where there is none for this system, or no network. */
export async function oldestLibrary(): Promise<string> {
  return await libraryOf(OLDEST_RUNTIME);
}

if (import.meta.main) await oldestLibrary();
