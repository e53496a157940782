/**
 * The options that say which weights run on what, for every subcommand that runs a model.
 *
 * @module
 */
import { resolveDevice } from "@vcs/onnx/devices";
import { OnnxError } from "@vcs/onnx/errors";
import { CHECKPOINT_OPTIONS, deviceKind } from "@vcs/onnx/internal";
import type { ResolveOptions } from "@vcs/onnx/store";
import { isChannel } from "@vcs/transport/channel";
import {
  defined,
  DownloadBar,
  fileOrUrl,
  option,
  type OptionValues,
  say,
  whole,
} from "@vcs/transport/internal";
import type { CodecOptions } from "../network/model_session.ts";

/** Weights and device. */
export const RUN_OPTIONS = {
  weights: option(fileOrUrl("REFERENCE"), {
    help: "checkpoint: a path, a URL, or an official name",
    defaultText: "the model's official one",
    formerly: ["checkpoint"],
  }),
  device: option(deviceKind, {
    help: "what runs the model: auto, cpu, cuda, cuda:N, webgpu or kserve://HOST:PORT",
    defaultText: "auto",
  }),
};

/** Weights, device and processors. */
export const CODEC_OPTIONS = {
  ...RUN_OPTIONS,
  ...CHECKPOINT_OPTIONS,
  gpu: option(whole({ min: -1, max: 999 }), {
    help: "the GPU to use; -1, or one that is not there, is the processor",
    short: "g",
  }),
  threads: option(whole({ min: 1 }), { help: "processors to use", defaultText: "all" }),
};

/** Whether an operand is a channel; of `file:` that are folders. */
export function isLive(text: string): boolean {
  return isChannel(text) && (!/^file:/i.test(text) || /^[^?]*\/(\?|$)/.test(text));
}

/** How weights are fetched. */
export function fetching(signal: AbortSignal): ResolveOptions {
  const { onLine, onProgress } = new DownloadBar();
  return { signal, onLine, onProgress };
}

/** The device of `-g N`: as in the original, no GPU is no error. */
async function gpuDevice(gpu: number): Promise<string> {
  if (gpu < 0) return "cpu";
  try {
    return (await resolveDevice(`cuda:${gpu}`)).device;
  } catch (error) {
    if (!(error instanceof OnnxError) || error.code !== "device-unavailable") throw error;
    say(`note: GPU ${gpu} cannot be used, the processor is (--device cuda:${gpu} says why)`);
    return "cpu";
  }
}

/** What a codec is opened with; `-g` counts if there is no `--device`. */
export async function codecOptions(
  { weights, gpu, device, threads, allowClass: allowGlobals }: OptionValues<typeof CODEC_OPTIONS>,
  signal: AbortSignal,
): Promise<CodecOptions> {
  const chosen = device ?? (gpu === undefined ? undefined : await gpuDevice(gpu));
  return {
    ...defined({ weights, threads, device: chosen }),
    ...{ allowGlobals, resolve: fetching(signal) },
  };
}
