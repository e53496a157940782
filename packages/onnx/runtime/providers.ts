/**
 * Options of a session: threads, and the execution provider of a device with the settings that
 * our networks need there.
 *
 * @module
 */
import { cString, CStrings, Out, readCString, type Runtime } from "./ort.ts";

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
  runtime.call("createCudaOptions", "device-unavailable", doing, out.cell);
  const settings = { device_id: String(index), ...CUDA_SETTINGS };
  const keys = new CStrings(Object.keys(settings));
  const values = new CStrings(Object.values(settings));
  const count = BigInt(keys.pointers.length);
  try {
    const cuda = out.object;
    runtime.call(
      "updateCudaOptions",
      "device-unavailable",
      doing,
      cuda,
      keys.pointers,
      values.pointers,
      count,
    );
    runtime.call("appendCuda", "device-unavailable", doing, options, cuda);
  } finally {
    runtime.release("cudaOptions", out.pointer);
  }
}

function appendWebGpu(runtime: Runtime, options: Deno.PointerObject): void {
  const name = cString("WebGPU");
  runtime.call(
    "appendExecutionProvider",
    "device-unavailable",
    "use webgpu",
    options,
    name,
    null,
    null,
    0n,
  );
}

/** Names of the execution providers that a library was built with, as `CUDA`, `WebGpu`, `CPU`. */
export function availableProviders(runtime: Runtime): string[] {
  const [names, count] = [new Out(), new Int32Array(1)];
  const doing = "list the library's providers";
  runtime.call("getAvailableProviders", "library-missing", doing, names.cell, count);
  try {
    const list = new Deno.UnsafePointerView(names.object);
    return Array.from(
      { length: count[0]! },
      (_, i) => readCString(list.getPointer(8 * i)).replace(/ExecutionProvider$/, ""),
    );
  } finally {
    const args = [names.pointer, count[0]!] as const;
    runtime.call("releaseAvailableProviders", "library-missing", doing, ...args);
  }
}

/** Threads of a session on the CPU. */
export interface ThreadOptions {
  /** Threads of one run. Default: the runtime's choice, one per core. */
  readonly threads?: number;
  /** Microseconds that a thread without work stays awake for more. Default: 0. */
  readonly spin?: number;
}

/** The first runtime that takes a time for spinning; those before spin for as long as they like. */
const TIMED_SPINNING = 27;

/** Settings that say how long threads without work stay awake. */
function spinning({ version }: Runtime, { spin = 0 }: ThreadOptions): [string, string][] {
  const isTimed = Number(version.split(".")[1]) >= TIMED_SPINNING;
  const settings: [string, string][] = [
    ["session.inter_op.allow_spinning", "0"],
    // Threads that spin on and on make several sessions beside each other four times slower.
    ["session.intra_op.allow_spinning", spin > 0 && isTimed ? "1" : "0"],
  ];
  if (spin > 0 && isTimed) {
    settings.push(["session.intra_op.spin_duration_us", String(spin)]);
    // Shares that get smaller towards the end: no thread waits long for another that was held up.
    settings.push(["session.dynamic_block_base", "4"]);
  }
  return settings;
}

/** Makes session options for a device; the caller releases them. */
export function sessionOptions(
  runtime: Runtime,
  provider: Provider,
  threading: ThreadOptions,
): Deno.PointerObject {
  const out = new Out();
  runtime.call("createSessionOptions", "run-failed", "make session options", out.cell);
  const options = out.object;
  const { threads } = threading;
  try {
    for (const setting of spinning(runtime, threading)) {
      const [key, value] = setting.map(cString) as [Uint8Array, Uint8Array];
      runtime.call("addSessionConfigEntry", "run-failed", "set spinning", options, key, value);
    }
    // A plan of all tensors' places takes them at once: 15 % more memory here, and no time less.
    if (provider.kind === "cpu") {
      runtime.call("disableMemPattern", "run-failed", "set memory", options);
    }
    if (threads !== undefined) {
      runtime.call("setIntraOpNumThreads", "run-failed", "set threads", options, threads);
    }
    if (provider.kind === "cuda") appendCuda(runtime, options, provider.index);
    if (provider.kind === "webgpu") appendWebGpu(runtime, options);
  } catch (error) {
    runtime.release("sessionOptions", options);
    throw error;
  }
  return options;
}
