/**
 * What stands in the way of CUDA on this machine, and what helps.
 *
 * @module
 */
import { currentPlatform, megabytes } from "@vcs/transport/internal";
import { TransportError } from "@vcs/transport/errors";
import { basename } from "node:path";
import { CUDA_BUILD } from "./cuda_parts.ts";
import { askDriver, DRIVER_FILE, type DriverReport } from "./driver.ts";
import { findCudaBuild, findFiles, loadLibraries, missingOf, NVIDIA_PARTS } from "./load.ts";

/** The CUDA that our build was made with: drivers for an older major version do not run it. */
const CUDA_MAJOR = 13;

/** Something that stands in the way of CUDA. */
export interface CudaProblem {
  /** What it is. */
  readonly reason: string;
  /** What a person can do. */
  readonly help: string;
}

/** CUDA on this machine. */
export interface CudaReport {
  /** Path of the CUDA build, or null where it is not here. */
  readonly build: string | null;
  /** `works`, or why the driver does not. */
  readonly driver: string;
  /** The newest CUDA that the driver runs, as `13.0`; null without a driver. */
  readonly driverCuda: string | null;
  /** Names of files that the build needs and that cannot be loaded. */
  readonly missing: readonly string[];
  /** What stands in the way, and what helps; empty where CUDA works. */
  readonly problems: readonly CudaProblem[];
}

/** What helps where the Python index has nothing for a platform. */
export function vendorHint(platform: string): string {
  if (platform.startsWith("darwin")) return "use webgpu, which runs on Metal";
  return `use webgpu, or set VCS_ONNXRUNTIME to a CUDA build for ${platform}`;
}

/** What helps where the driver is too old: on a Jetson it comes with the system. */
function updateHint(platform: string): string {
  const update = "update NVIDIA's driver to 580 or later";
  if (platform !== "linux-arm64") return update;
  const index = "https://pypi.jetson-ai-lab.io/jp6/cu126";
  return `${update}; on a Jetson with JetPack 6 NVIDIA's own build comes with: ` +
    `pip download --no-deps onnxruntime-gpu --index-url ${index} (untried)`;
}

function faultHint({ cuda }: DriverReport): string {
  if (DRIVER_FILE === undefined) return vendorHint(currentPlatform());
  if (cuda !== undefined) return "nvidia-smi shows what the driver sees";
  return "install NVIDIA's driver, 580 or later, which no registry has; " +
    "a container needs --gpus all";
}

/** What is wrong with a driver, for our build or one of the user's own. */
export function driverProblems(driver: DriverReport, isOurs = true): CudaProblem[] {
  const { fault, cuda = [CUDA_MAJOR, 0] } = driver;
  if (fault !== undefined) return [{ reason: fault, help: faultHint(driver) }];
  if (!isOurs || cuda[0] >= CUDA_MAJOR) return [];
  const reason = `NVIDIA's driver is for CUDA ${cuda.join(".")}, expected ${CUDA_MAJOR}.0 or later`;
  return [{ reason, help: updateHint(currentPlatform()) }];
}

/** What helps where the CUDA build is missing: fetching it, where there is one. */
async function fetchHint(): Promise<string> {
  try {
    const all = [CUDA_BUILD, ...NVIDIA_PARTS].map((part) => findFiles(part));
    const bytes = (await Promise.all(all)).reduce((sum, { bytes }) => sum + bytes, 0);
    return `onnx pull cuda fetches it, with what it needs (up to ${megabytes(bytes)})`;
  } catch (error) {
    if (error instanceof TransportError) return vendorHint(currentPlatform());
    throw error;
  }
}

/** What is wrong with libraries that cannot be loaded: some are NVIDIA's, others the system's. */
async function missingProblems(
  missing: readonly string[],
  isOurs: boolean,
): Promise<CudaProblem[]> {
  if (missing.length === 0) return [];
  const files = await Promise.all(NVIDIA_PARTS.map((part) => findFiles(part)));
  const fetched = new Set(files.flatMap(({ paths }) => paths.map((path) => basename(path))));
  const problem = (names: readonly string[], help: string): CudaProblem[] =>
    names.length === 0 ? [] : [{ reason: `the loader does not find ${names.join(", ")}`, help }];
  const unset = isOurs ? "" : ", or unset VCS_ONNXRUNTIME: onnx pull cuda fetches another build";
  return [
    ...problem(missing.filter((name) => fetched.has(name)), "onnx pull cuda fetches them"),
    ...problem(
      missing.filter((name) => !fetched.has(name)),
      `install the packages of your system that have them${unset}`,
    ),
  ];
}

let driver: DriverReport | undefined;

/** The driver of this machine, asked once in a process. */
function driverHere(): DriverReport {
  return driver ??= askDriver();
}

/** What is wrong with this machine's driver, for our build or one of the user's own. */
export function findDriverProblems(isOurs = true): CudaProblem[] {
  return driverProblems(driverHere(), isOurs);
}

async function buildProblems(): Promise<CudaProblem[]> {
  if (await findCudaBuild() !== undefined) return [];
  const reason = "ONNX Runtime's CUDA build is not on this machine";
  return [{ reason, help: await fetchHint() }];
}

/**
 * What stands in the way of CUDA, the worst first; nothing where the driver sees a GPU and all that
 * the library needs is loaded.
 *
 * @param own path of a library of the user's own. Default: our CUDA build.
 */
export async function findCudaProblems(own?: string): Promise<CudaProblem[]> {
  const isOurs = own === undefined;
  const problems = isOurs ? await buildProblems() : [];
  // Neither is a driver woken in vain, nor are a gigabyte of libraries loaded.
  if (problems.length > 0 && missingOf(DRIVER_FILE ?? "") === undefined) return problems;
  problems.unshift(...findDriverProblems(isOurs));
  if (problems.length > 0) return problems;
  return await missingProblems(await loadLibraries(own), isOurs);
}

/** Looks at all of CUDA, also where one thing is already missing. */
export async function inspectCuda(own?: string): Promise<CudaReport> {
  const isOurs = own === undefined;
  const { fault = "works", cuda } = driverHere();
  const build = own ?? await findCudaBuild();
  const missing = build === undefined ? [] : await loadLibraries(own);
  return {
    build: build ?? null,
    driver: fault,
    driverCuda: cuda?.join(".") ?? null,
    missing,
    problems: [
      ...findDriverProblems(isOurs),
      ...isOurs ? await buildProblems() : [],
      ...await missingProblems(missing, isOurs),
    ],
  };
}
