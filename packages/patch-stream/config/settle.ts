/**
 * Settles where `auto` decodes and processes, as codec-patch-stream does: on the GPU where CUDA
 * computes right, processing where decoding is, else on the CPU.
 *
 * @module
 */
import type { DecodeConfig, PatchStreamConfig } from "../config.ts";
import type { Resolved } from "./fields.ts";

/** Says whether a device can be used, as `cuda:0`. */
export type DeviceProbe = (device: string) => Promise<boolean>;

/** Whether ONNX Runtime's CUDA computes a small product right, and FFmpeg opens the same GPU. */
async function works(device: string): Promise<boolean> {
  const { resolveDevice } = await import("@vcs/onnx/devices");
  if (!await resolveDevice(device).then(() => true, () => false)) return false;
  const { canDecodeOn } = await import("@vcs/media/video_reader");
  return await canDecodeOn(device);
}

/**
 * Where to decode: `auto` is settled. Motion vectors (`energy: "codec"`) come from the CPU's decoders
 * alone.
 */
export async function settleDecoding<C extends Resolved<DecodeConfig>>(
  config: C & Partial<Pick<PatchStreamConfig, "energy">>,
  probe: DeviceProbe = works,
): Promise<C> {
  if (config.decodeBackend !== "auto") return config;
  const onGpu = config.energy !== "codec" && await probe(`cuda:${config.decodeDeviceId}`);
  return { ...config, decodeBackend: onGpu ? "gpu" : "cpu" };
}

/** Where to decode and to process: both are settled. */
export async function settleBackends(
  config: Resolved<PatchStreamConfig>,
  probe: DeviceProbe = works,
): Promise<Resolved<PatchStreamConfig>> {
  const settled = await settleDecoding(config, probe);
  if (settled.processBackend !== "auto") return settled;
  const follows = settled.decodeBackend === "gpu";
  const onGpu = follows && await probe(`cuda:${settled.processDeviceId}`);
  return { ...settled, processBackend: onGpu ? "gpu" : "cpu" };
}
