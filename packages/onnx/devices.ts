/**
 * Devices that networks run on, by the same words in every option and flag: `auto`, `cpu`,
 * `cuda`, `cuda:1`, `webgpu`, and `kserve://host:8000`, a server of models. `auto` takes the best one that works here, of several NVIDIA GPUs the one
 * with most free memory, and can say why the others do not; a device asked for by name is that device or an error that says how to get it.
 *
 * @example What would `auto` take?
 * ```ts
 * import { resolveDevice } from "@vcs/onnx/devices";
 * import assert from "node:assert/strict";
 *
 * const { device, tried } = await resolveDevice("auto");
 * assert.match(device, /^(cpu|cuda:\d+|webgpu)$/);
 * for (const { device, reason } of tried) console.error(`${device}: ${reason}`);
 * ```
 *
 * @module
 */
import { OnnxError } from "./errors.ts";
import { byFreeMemory, freeMemory } from "./cuda/free_memory.ts";
import { findCudaProblems } from "./cuda/problems.ts";
import { findLibrary, ownLibrary } from "./runtime/library.ts";
import { loadRuntime } from "./runtime/ort.ts";
import { findFault } from "./runtime/probe.ts";
import type { Provider } from "./runtime/providers.ts";
import { isServed, readAddress } from "./served/address.ts";

export type { Provider } from "./runtime/providers.ts";
export { isServed } from "./served/address.ts";

/** A device that was looked at. */
export interface DeviceReport {
  /** Name of the device, as `cuda:0`. */
  device: string;
  /** Whether it works here. */
  available: boolean;
  /** Why it does not, or `works`. */
  reason: string;
  /** What helps, where it does not. */
  help?: string;
}

/** The device that a request came to. */
export interface ResolvedDevice {
  /** Name of the device: `cpu`, `cuda:N`, `webgpu`, or the address of a server as it was asked for. */
  device: string;
  /** The devices that were looked at before, best first. */
  tried: DeviceReport[];
}

/** Settings of a search for devices. */
export interface DeviceOptions {
  /** Path of ONNX Runtime's shared library. Default: the one that fits the device. */
  library?: string;
}

/** What `auto` looks for, best first: of several GPUs the one with most free memory. `cpu` works. */
async function preference(options: DeviceOptions): Promise<string[]> {
  const hasCuda = (await findCudaProblems(ownLibrary(options.library))).length === 0;
  const gpus = hasCuda ? byFreeMemory(freeMemory()) : [];
  return [...(gpus.length > 0 ? gpus : [0]).map((gpu) => `cuda:${gpu}`), "webgpu", "cpu"];
}

/**
 * Reads a device's name.
 *
 * @throws {RangeError} where it is not one of `cpu`, `cuda`, `cuda:N` and `webgpu`.
 */
export function parseDevice(name: string): Provider {
  if (name === "cpu" || name === "webgpu") return { kind: name };
  const cuda = /^cuda(?::(\d{1,3}))?$/.exec(name);
  if (cuda) return { kind: "cuda", index: Number(cuda[1] ?? 0) };
  throw new RangeError(
    `Cannot use device ${
      JSON.stringify(name)
    }: expected auto, cpu, cuda, cuda:N, webgpu or kserve://HOST:PORT`,
  );
}

/** Name of a provider's device. */
function deviceName(provider: Provider): string {
  return provider.kind === "cuda" ? `cuda:${provider.index}` : provider.kind;
}

/** Something that stands in the way of a device. */
type Problem = Required<Pick<DeviceReport, "reason" | "help">>;

const WEBGPU_HELP =
  "it needs a GPU with a Vulkan, Metal or Direct3D 12 driver; on Linux install the driver's Vulkan package and see that /dev/dri or /dev/nvidia0 can be opened";
/** Files by which Linux shows GPUs; the last is that of a Jetson. */
const GPU_FILES = ["/dev/dri", "/dev/nvidiactl", "/dev/dxg", "/dev/nvmap"];

/** Why WebGPU cannot work, where that is seen without waking a driver. */
async function missingGpu(): Promise<Problem | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const found = await Promise.all(
    GPU_FILES.map((path) => Deno.stat(path).then(() => true, () => false)),
  );
  if (found.includes(true)) return undefined;
  return { reason: `no GPU: none of ${GPU_FILES.join(", ")} is there`, help: WEBGPU_HELP };
}

/** What stands in the way of a device, where that is seen without the library. */
async function knownProblem(
  { kind }: Provider,
  { library }: DeviceOptions,
): Promise<Problem | undefined> {
  if (kind === "webgpu") return await missingGpu();
  return kind === "cuda" ? (await findCudaProblems(ownLibrary(library)))[0] : undefined;
}

/** What may help where a device does not compute. */
const FAULT_HELP: { readonly [kind in Provider["kind"]]: string } = {
  cpu: "onnx doctor shows which library is open",
  cuda: "onnx doctor shows which library is open: a process opens one, which must be a CUDA build",
  webgpu: `${WEBGPU_HELP}; a CUDA build has no WebGPU`,
};

/** Looks at a device: for what it needs first, then whether it computes. */
async function probe(
  provider: Provider,
  request: string,
  options: DeviceOptions,
): Promise<DeviceReport> {
  const device = deviceName(provider);
  const problem = await knownProblem(provider, options);
  if (problem !== undefined) return { device, available: false, ...problem };
  const runtime = loadRuntime(await findLibrary(options.library, request));
  const reason = await findFault(runtime, provider);
  if (reason === undefined) return { device, available: true, reason: "works" };
  return { device, available: false, reason, help: FAULT_HELP[provider.kind] };
}

const reports = new Map<string, Promise<DeviceReport>>();

/** Looks at a device, once per library; the request says which of ours a process opens. */
function report(
  name: string,
  request: string,
  options: DeviceOptions,
): Promise<DeviceReport> {
  const key = `${ownLibrary(options.library)}\n${name}`;
  let known = reports.get(key);
  if (known === undefined) {
    known = probe(parseDevice(name), request, options);
    reports.set(key, known);
    // What could not be fetched may be there another time.
    known.catch(() => reports.delete(key));
  }
  return known;
}

/**
 * Looks at every kind of device and every NVIDIA GPU, best first.
 *
 * @throws {OnnxError} `library-missing` or `library-version` where ONNX Runtime cannot be loaded.
 */
export async function listDevices(options: DeviceOptions = {}): Promise<DeviceReport[]> {
  const names = await preference(options);
  return await Promise.all(names.map((name) => report(name, "auto", options)));
}

/**
 * Finds the device of a request.
 *
 * @param request `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`; or `kserve://host:8000`, which is asked
 * when a session is opened
 * @throws {RangeError} where the request is none of these.
 * @throws {OnnxError} `device-unavailable` where a device was asked for by name and does not work.
 */
export async function resolveDevice(
  request: string = "auto",
  options: DeviceOptions = {},
): Promise<ResolvedDevice> {
  if (request === "cpu") return { device: "cpu", tried: [] };
  if (isServed(request)) {
    readAddress(request);
    return { device: request, tried: [] };
  }
  const wanted = request === "auto"
    ? await preference(options)
    : [deviceName(parseDevice(request))];
  const tried: DeviceReport[] = [];
  for (const name of wanted) {
    const found = await report(name, request, options);
    if (found.available) return { device: name, tried };
    tried.push(found);
  }
  const [{ device, reason, help }] = tried as [DeviceReport];
  throw new OnnxError("device-unavailable", `Cannot use device ${device}: ${reason}; ${help}`);
}
