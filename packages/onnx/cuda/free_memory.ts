/**
 * Free memory of NVIDIA's GPUs, asked without opening any: by NVML, which the driver brings. It
 * numbers GPUs in its own order, so each is found by its place on the bus.
 *
 * @module
 */
import { DRIVER_FILE } from "./driver.ts";

/** NVML by operating system; a Jetson has none. */
const FILES: Readonly<Record<string, string>> = {
  linux: "libnvidia-ml.so.1",
  windows: "nvml.dll",
};

/** A GPU's place on the bus, as `0000:65:00.0`. */
const BUS_ID_BYTES = 32;

const DRIVER = {
  cuInit: { parameters: ["u32"], result: "i32" },
  cuDeviceGetCount: { parameters: ["buffer"], result: "i32" },
  cuDeviceGetPCIBusId: { parameters: ["buffer", "i32", "i32"], result: "i32" },
} as const;

const NVML = {
  nvmlInit_v2: { parameters: [], result: "i32" },
  nvmlDeviceGetHandleByPciBusId_v2: { parameters: ["buffer", "buffer"], result: "i32" },
  nvmlDeviceGetMemoryInfo: { parameters: ["usize", "buffer"], result: "i32" },
} as const;

/** The places of all GPUs, in CUDA's order, which CUDA_VISIBLE_DEVICES may have changed. */
function places({ symbols }: Deno.DynamicLibrary<typeof DRIVER>): Uint8Array<ArrayBuffer>[] {
  const count = new Int32Array(1);
  if (symbols.cuInit(0) !== 0 || symbols.cuDeviceGetCount(count) !== 0) return [];
  return Array.from({ length: count[0]! }, (_, gpu) => {
    const place = new Uint8Array(BUS_ID_BYTES);
    symbols.cuDeviceGetPCIBusId(place, BUS_ID_BYTES, gpu);
    return place;
  });
}

/** Free bytes of the GPU at a place, 0 where NVML does not say. */
function freeAt(
  { symbols }: Deno.DynamicLibrary<typeof NVML>,
  place: Uint8Array<ArrayBuffer>,
): number {
  const handle = new BigUint64Array(1);
  const memory = new BigUint64Array(3); // total, free, used
  const known = symbols.nvmlDeviceGetHandleByPciBusId_v2(place, handle) === 0 &&
    symbols.nvmlDeviceGetMemoryInfo(handle[0]!, memory) === 0;
  return known ? Number(memory[1]) : 0;
}

/**
 * Free bytes of each GPU, by CUDA's numbers; empty where driver or NVML are missing.
 *
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`
 */
export function freeMemory(
  driver: string | undefined = DRIVER_FILE,
  nvml: string | undefined = FILES[Deno.build.os],
): number[] {
  if (driver === undefined || nvml === undefined) return [];
  try {
    const library = Deno.dlopen(nvml, NVML);
    if (library.symbols.nvmlInit_v2() !== 0) return [];
    return places(Deno.dlopen(driver, DRIVER)).map((place) => freeAt(library, place));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return [];
  }
}

/** Numbers of GPUs, the one with most free memory first; of equal ones the first. */
export function byFreeMemory(free: readonly number[]): number[] {
  return free.map((_, gpu) => gpu).sort((a, b) => free[b]! - free[a]! || a - b);
}
