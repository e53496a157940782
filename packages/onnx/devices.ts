/**
 * Devices that networks run on, by the same words in every option and flag: `auto`, `cpu`,
 * `cuda`, `cuda:1`, `webgpu`. `auto` takes the best one that works here and can say why the
 * others do not; a device asked for by name is that device or an error that says how to get it.
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
import { findLibrary } from "./runtime/library.ts";
import { loadRuntime, type Runtime } from "./runtime/ort.ts";
import { findFault } from "./runtime/probe.ts";
import type { Provider } from "./runtime/providers.ts";

export type { Provider } from "./runtime/providers.ts";

/** A device that was looked at. */
export interface DeviceReport {
  /** Name of the device, as `cuda:0`. */
  device: string;
  /** Whether it works here. */
  available: boolean;
  /** Why it does not, or `works`. */
  reason: string;
}

/** The device that a request came to. */
export interface ResolvedDevice {
  /** Name of the device: `cpu`, `cuda:N` or `webgpu`. */
  device: string;
  /** The devices that were looked at before, best first. */
  tried: DeviceReport[];
}

/** Settings of a search for devices. */
export interface DeviceOptions {
  /** Path of ONNX Runtime's shared library. Default: the npm package's. */
  library?: string;
}

/** What `auto` looks for, best first; `cpu` always works. */
const PREFERENCE = ["cuda:0", "webgpu", "cpu"] as const;

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
    `Cannot use device ${JSON.stringify(name)}: expected auto, cpu, cuda, cuda:N or webgpu`,
  );
}

/** Name of a provider's device. */
function deviceName(provider: Provider): string {
  return provider.kind === "cuda" ? `cuda:${provider.index}` : provider.kind;
}

/** How to get a device that is missing. */
const HINTS: { readonly [kind in Provider["kind"]]: string } = {
  cpu: "",
  cuda:
    "set VCS_ONNXRUNTIME to the path of a GPU build's libonnxruntime, beside which its CUDA provider lies; the CUDA and cuDNN that it was built for must be on the loader's path",
  webgpu:
    "it needs a GPU with a Vulkan, Metal or Direct3D 12 driver; on Linux install the driver's Vulkan package and see that /dev/dri or /dev/nvidia0 can be opened",
};

/** Why a device cannot work, where that is seen without waking a driver. */
async function missingHardware(kind: Provider["kind"]): Promise<string | undefined> {
  if (kind === "cpu" || Deno.build.os !== "linux") return undefined;
  const nodes = kind === "cuda"
    ? ["/dev/nvidiactl", "/dev/dxg"]
    : ["/dev/dri", "/dev/nvidiactl", "/dev/dxg"];
  const found = await Promise.all(
    nodes.map((path) => Deno.stat(path).then(() => true, () => false)),
  );
  return found.includes(true) ? undefined : `no GPU: none of ${nodes.join(", ")} is there`;
}

/** Looks at a device: for its hardware first, then whether it computes. */
async function probe(runtime: Runtime, provider: Provider): Promise<DeviceReport> {
  const fault = await missingHardware(provider.kind) ?? await findFault(runtime, provider);
  return {
    device: deviceName(provider),
    available: fault === undefined,
    reason: fault ?? "works",
  };
}

const reports = new Map<string, Promise<DeviceReport>>();

/** Looks at a device, once per library. */
function report(runtime: Runtime, provider: Provider): Promise<DeviceReport> {
  const key = `${runtime.path}\n${deviceName(provider)}`;
  let known = reports.get(key);
  if (known === undefined) {
    known = probe(runtime, provider);
    reports.set(key, known);
  }
  return known;
}

/**
 * Looks at every kind of device, best first.
 *
 * @throws {OnnxError} `library-missing` or `library-version` where ONNX Runtime cannot be loaded.
 */
export async function listDevices(options: DeviceOptions = {}): Promise<DeviceReport[]> {
  const runtime = loadRuntime(await findLibrary(options.library));
  return await Promise.all(PREFERENCE.map((name) => report(runtime, parseDevice(name))));
}

/**
 * Finds the device of a request.
 *
 * @param request `auto`, `cpu`, `cuda`, `cuda:N` or `webgpu`
 * @throws {RangeError} where the request is none of these.
 * @throws {OnnxError} `device-unavailable` where a device was asked for by name and does not work.
 */
export async function resolveDevice(
  request: string = "auto",
  options: DeviceOptions = {},
): Promise<ResolvedDevice> {
  if (request === "cpu") return { device: "cpu", tried: [] };
  const wanted = request === "auto" ? PREFERENCE : [deviceName(parseDevice(request))];
  const runtime = loadRuntime(await findLibrary(options.library));
  const tried: DeviceReport[] = [];
  for (const name of wanted) {
    const found = await report(runtime, parseDevice(name));
    if (found.available) return { device: name, tried };
    tried.push(found);
  }
  const { device, reason } = tried[0]!;
  throw new OnnxError(
    "device-unavailable",
    `Cannot use device ${device}: ${reason}; ${HINTS[parseDevice(device).kind]}`,
  );
}
