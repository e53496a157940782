/** Drivers of NVIDIA made up for tests, by the C compiler of this machine. */
import assert from "node:assert/strict";
import { basename, dirname } from "node:path";

/** What a made-up driver answers. */
export interface MadeDriver {
  /** Result of `cuInit`. Default: 0, which is success. */
  readonly init?: number;
  /** Version of CUDA. Default: 13010. */
  readonly version?: number;
  /** Number of GPUs. Default: 0. */
  readonly gpus?: number;
  /** Free bytes of the GPUs, for NVML; it numbers them from the last. Default: no NVML. */
  readonly free?: readonly number[];
}

/** Compiles a driver into a folder; gives its path. */
export async function compileDriver(
  folder: string,
  { init = 0, version = 13010, free, gpus = free?.length ?? 0 }: MadeDriver,
): Promise<string> {
  const source = `${folder}/driver.c`;
  await Deno.writeTextFile(
    source,
    `int cuInit(unsigned flags) { return ${init}; }
     int cuDriverGetVersion(int *version) { *version = ${version}; return 0; }
     int cuDeviceGetCount(int *count) { *count = ${gpus}; return ${init}; }
     int cuDeviceGetPCIBusId(char *id, int length, int gpu) {
       id[0] = 'a' + gpu; id[1] = 0; return 0;
     }
     void cuTensorMapEncodeTiled(void) {}`,
  );
  if (free !== undefined) await compileNvml(folder, free);
  const path = `${folder}/libcuda.so.1`;
  await compile("-Wl,-soname,libcuda.so.1", "-o", path, source);
  return path;
}

async function compile(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("cc", { args: ["-shared", "-fPIC", ...args] })
    .output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** NVML whose handles are numbers from the last GPU on. */
async function compileNvml(folder: string, free: readonly number[]): Promise<void> {
  const source = `${folder}/nvml.c`;
  await Deno.writeTextFile(
    source,
    `static long long all[] = { ${free.join(", ")} };
     int nvmlInit_v2(void) { return 0; }
     int nvmlDeviceGetHandleByPciBusId_v2(const char *id, long *handle) {
       *handle = ${free.length} - (id[0] - 'a'); return 0;
     }
     int nvmlDeviceGetMemoryInfo(long handle, long long *memory) {
       memory[1] = all[${free.length} - handle]; return memory[1] < 0 ? 3 : 0;
     }`,
  );
  await compile("-o", `${folder}/libnvidia-ml.so.1`, source);
}

/** Compiles an empty library of that name, which needs others. */
export async function compileLibrary(path: string, needed: readonly string[] = []): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const links = needed.flatMap((file) => ["-L", dirname(file), `-l:${basename(file)}`]);
  const flags = ["-x", "c", "/dev/null", "-shared", "-Wl,--no-as-needed"];
  const args = [...flags, `-Wl,-soname,${basename(path)}`, "-o", path, "-x", "none", ...links];
  const { success, stderr } = await new Deno.Command("cc", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
