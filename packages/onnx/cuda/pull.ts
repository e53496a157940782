/**
 * Fetches what CUDA needs on this machine.
 *
 * @module
 */
import {
  currentPlatform,
  type InstallOptions,
  installPart,
  megabytes,
  type Part,
  partTitle,
  say,
} from "@vcs/transport/internal";
import { TransportError } from "@vcs/transport/errors";
import { CUDA_BUILD } from "./cuda_parts.ts";
import { findFiles, isInstalled, NVIDIA_PARTS } from "./load.ts";
import { findDriverProblems, vendorHint } from "./problems.ts";

/** ONNX Runtime's CUDA build, and the libraries that it loads. */
export type CudaParts = readonly [build: Part, ...libraries: Part[]];

/** A part that is to be fetched. */
interface MissingPart {
  readonly part: Part;
  readonly bytes: number;
}

/** The parts that are neither in our cache nor where the system's loader looks. */
async function findMissing(
  [build, ...libraries]: CudaParts,
  options: InstallOptions,
): Promise<MissingPart[]> {
  const missing: MissingPart[] = [];
  for (const part of [build, ...libraries]) {
    const files = await findFiles(part, options);
    // Of ONNX Runtime only our own is known to fit.
    const isNeeded = !files.isHere && (part === build || !isInstalled(files));
    if (isNeeded) missing.push({ part, bytes: files.bytes });
  }
  return missing;
}

/**
 * Fetches ONNX Runtime's CUDA build, then those of NVIDIA's libraries that the system's loader does
 * not find. The sizes are said before; afterwards what is wrong with the driver, which cannot be
 * fetched.
 *
 * @param parts what is fetched. Default: that of our tables.
 * @returns path of the library
 * @throws {TransportError} `unsupported` where the index has nothing for this platform,
 * `part-missing` where it cannot be fetched or kept, `checksum` where other bytes came.
 */
export async function pullCuda(
  options: InstallOptions = {},
  parts: CudaParts = [CUDA_BUILD, ...NVIDIA_PARTS],
): Promise<string> {
  const { onLine = say, platform = currentPlatform() } = options;
  const missing = await findMissing(parts, options).catch((error) => {
    if (!(error instanceof TransportError) || error.code !== "unsupported") throw error;
    throw new TransportError("unsupported", `${error.message}; ${vendorHint(platform)}`);
  });
  const bytes = missing.reduce((sum, { bytes }) => sum + bytes, 0);
  const names = missing.map(({ part, bytes }) => `${partTitle(part)} (${megabytes(bytes)})`);
  if (names.length > 0) onLine(`CUDA needs ${megabytes(bytes)}: ${names.join(", ")}`);
  for (const { part } of missing) await installPart(part, options);
  for (const { reason, help } of findDriverProblems()) onLine(`No CUDA yet: ${reason}; ${help}`);
  return (await findFiles(parts[0], options)).paths[0]!;
}
