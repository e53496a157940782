/**
 * The options that say which weights run on what, for every subcommand that runs a model.
 *
 * @module
 */
import { deviceKind } from "@vcs/onnx/internal";
import type { ResolveOptions } from "@vcs/onnx/store";
import {
  defined,
  DownloadBar,
  option,
  type OptionValues,
  text,
  whole,
} from "@vcs/transport/internal";
import type { CodecOptions } from "../network/model_session.ts";

/** Weights and device. */
export const RUN_OPTIONS = {
  weights: option(text("REFERENCE"), {
    help: "checkpoint: a path, a URL, or an official name",
    defaultText: "the model's official one",
    formerly: ["checkpoint"],
  }),
  device: option(deviceKind, {
    help: "what runs the model: auto, cpu, cuda, cuda:N or webgpu",
    defaultText: "auto",
  }),
};

/** Weights, device and processors. */
export const CODEC_OPTIONS = {
  ...RUN_OPTIONS,
  gpu: option(whole({ min: 0 }), { help: "the same as --device cuda:N", short: "g" }),
  threads: option(whole({ min: 1 }), { help: "processors to use", defaultText: "all" }),
};

/** How weights are fetched. */
export function fetching(signal: AbortSignal): ResolveOptions {
  const { onLine, onProgress } = new DownloadBar();
  return { signal, onLine, onProgress };
}

/** What a codec is opened with; `-g` counts if there is no `--device`. */
export function codecOptions(
  { weights, gpu, device, threads }: OptionValues<typeof CODEC_OPTIONS>,
  signal: AbortSignal,
): CodecOptions {
  const cuda = gpu === undefined ? undefined : `cuda:${gpu}`;
  return {
    ...defined({ weights, threads, device: device ?? cuda }),
    resolve: fetching(signal),
  };
}
