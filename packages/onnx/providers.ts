/**
 * Options of a session: threads, and the execution provider of a device with the settings that
 * our networks need there.
 *
 * @module
 */
import { cString, CStrings, Out, type Runtime } from "./ort.ts";

/** A device in the words of the runtime. */
export type Provider =
  | { readonly kind: "cpu" }
  | { readonly kind: "cuda"; readonly index: number }
  | { readonly kind: "webgpu" };

/**
 * Settings of the CUDA provider: benchmarking every new shape costs a second each and TF32 keeps
 * ten bits of the mantissa, which changes codes.
 */
const CUDA_SETTINGS = { cudnn_conv_algo_search: "HEURISTIC", use_tf32: "0" };

function appendCuda(runtime: Runtime, options: Deno.PointerObject, index: number): void {
  const doing = `use cuda:${index}`;
  const out = new Out();
  runtime.call("createCudaOptions", "device_unavailable", doing, out.cell);
  const settings = { device_id: String(index), ...CUDA_SETTINGS };
  const keys = new CStrings(Object.keys(settings));
  const values = new CStrings(Object.values(settings));
  const count = BigInt(keys.pointers.length);
  try {
    const cuda = out.object;
    runtime.call(
      "updateCudaOptions",
      "device_unavailable",
      doing,
      cuda,
      keys.pointers,
      values.pointers,
      count,
    );
    runtime.call("appendCuda", "device_unavailable", doing, options, cuda);
  } finally {
    runtime.release("cudaOptions", out.pointer);
  }
}

function appendWebGpu(runtime: Runtime, options: Deno.PointerObject): void {
  const name = cString("WebGPU");
  runtime.call(
    "appendExecutionProvider",
    "device_unavailable",
    "use webgpu",
    options,
    name,
    null,
    null,
    0n,
  );
}

/**
 * Makes session options for a device; the caller releases them.
 *
 * @param threads threads of one run on the CPU; the runtime's choice (one per core) where not given
 */
export function sessionOptions(
  runtime: Runtime,
  provider: Provider,
  threads: number | undefined,
): Deno.PointerObject {
  const out = new Out();
  runtime.call("createSessionOptions", "run_failed", "make session options", out.cell);
  const options = out.object;
  try {
    // Idle threads that spin make several sessions beside each other four times slower.
    for (const pool of ["intra_op", "inter_op"]) {
      const key = cString(`session.${pool}.allow_spinning`);
      runtime.call(
        "addSessionConfigEntry",
        "run_failed",
        "set spinning",
        options,
        key,
        cString("0"),
      );
    }
    if (threads !== undefined) {
      runtime.call("setIntraOpNumThreads", "run_failed", "set threads", options, threads);
    }
    if (provider.kind === "cuda") appendCuda(runtime, options, provider.index);
    if (provider.kind === "webgpu") appendWebGpu(runtime, options);
  } catch (error) {
    runtime.release("sessionOptions", options);
    throw error;
  }
  return options;
}
