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
}

/** Compiles a driver into a folder; gives its path. */
export async function compileDriver(
  folder: string,
  { init = 0, version = 13010, gpus = 0 }: MadeDriver,
): Promise<string> {
  const source = `${folder}/driver.c`;
  await Deno.writeTextFile(
    source,
    `int cuInit(unsigned flags) { return ${init}; }
     int cuDriverGetVersion(int *version) { *version = ${version}; return 0; }
     int cuDeviceGetCount(int *count) { *count = ${gpus}; return ${init}; }
     void cuTensorMapEncodeTiled(void) {}`,
  );
  const path = `${folder}/libcuda.so.1`;
  const args = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", path, source];
  const { success, stderr } = await new Deno.Command("cc", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return path;
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
