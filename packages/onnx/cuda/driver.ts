/**
 * NVIDIA's driver, asked whether it sees a GPU. Its library is the same everywhere: on servers, in
 * containers, under WSL and on Jetson, which has none of the device files of the others.
 *
 * @module
 */

/** What was found of the driver. */
export interface DriverReport {
  /** Why no GPU is in reach, or undefined where one is. */
  readonly fault?: string;
  /** The newest CUDA that the driver runs, as `[13, 0]`. */
  readonly cuda?: readonly [major: number, minor: number];
  /** Number of GPUs. */
  readonly gpus: number;
}

/** The driver's library by operating system. */
const FILES: Readonly<Record<string, string>> = { linux: "libcuda.so.1", windows: "nvcuda.dll" };

/** The driver's library on this system, or undefined where NVIDIA makes none. */
export const DRIVER_FILE: string | undefined = FILES[Deno.build.os];

const SYMBOLS = {
  cuInit: { parameters: ["u32"], result: "i32" },
  cuDriverGetVersion: { parameters: ["buffer"], result: "i32" },
  cuDeviceGetCount: { parameters: ["buffer"], result: "i32" },
} as const;

/** What some results of `cuInit` mean (`cuda.h`, `CUresult`). */
const RESULTS: Readonly<Record<number, string>> = {
  100: "NVIDIA's driver sees no GPU",
  802: "NVIDIA's driver is not ready yet",
  803: "NVIDIA's driver was updated and this machine not restarted",
  804: "NVIDIA's driver does not support this GPU with its compatibility library",
};

/** Why a library could not be opened, in the words of the system's loader. */
export function loaderMessage(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) throw error;
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^(Could not open library: )+/, "").trim();
}

/** Asks a driver that is loaded. */
function ask({ symbols }: Deno.DynamicLibrary<typeof SYMBOLS>): DriverReport {
  const result = symbols.cuInit(0);
  const number = new Int32Array(1);
  const cuda = () => {
    symbols.cuDriverGetVersion(number);
    const [version = 0] = number;
    return [Math.floor(version / 1000), Math.floor(version % 1000 / 10)] as const;
  };
  if (result !== 0) {
    const fault = RESULTS[result] ?? "NVIDIA's driver does not start";
    return { fault: `${fault} (CUDA error ${result})`, cuda: cuda(), gpus: 0 };
  }
  const failed = symbols.cuDeviceGetCount(number) !== 0;
  const gpus = failed ? 0 : number[0]!;
  return { ...(gpus === 0 ? { fault: RESULTS[100]! } : {}), cuda: cuda(), gpus };
}

/**
 * Loads a driver and asks it.
 *
 * @param file its library. Default: the one that the system's loader finds.
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`
 */
export function askDriver(file: string | undefined = DRIVER_FILE): DriverReport {
  if (file === undefined) return { fault: `CUDA is not made for ${Deno.build.os}`, gpus: 0 };
  try {
    return ask(Deno.dlopen(file, SYMBOLS));
  } catch (error) {
    const message = loaderMessage(error);
    const isMissing = /cannot open shared object file: No such/.test(message);
    const found = isMissing ? `${file} is not where the loader looks` : message;
    return { fault: `no NVIDIA driver: ${found}`, gpus: 0 };
  }
}
