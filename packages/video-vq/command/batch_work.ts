/**
 * How videos of an archive become tokens: one model, windows of all items in turn.
 *
 * @module
 */
import { VideoReader } from "@vcs/media/video_reader";
import {
  type BatchItem,
  type BatchRecord,
  type BatchWork,
  defined,
  type OptionValues,
} from "@vcs/transport/internal";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import config from "../deno.json" with { type: "json" };
import { VideoVqError } from "../errors.ts";
import { AS_SEEN, shapedFrames } from "../frames/sources.ts";
import { openEncoder } from "../models.ts";
import type { WindowEncoder } from "../stream/tokenizer.ts";
import { tokensToIndices } from "../stream/tokens.ts";
import { WINDOW_FRAMES, type WindowOptions, windowsOf } from "../stream/windows.ts";
import type { TOKENIZE } from "./batch.ts";
import { modelOptions } from "./settings.ts";

/**
 * Items at once: one is read while the windows of the other are encoded, which takes 0.87 of the time
 * of one at a time (720p clips of 4 s through vq-tiny at 128, two processors). The encoder takes all
 * processors; items in processes of their own gained less than 1.3 times on that.
 */
const JOBS = 2;

type Options = OptionValues<typeof TOKENIZE>;

/** Opens the model that the options name. */
export async function openWork(options: Options, signal: AbortSignal): Promise<BatchWork> {
  const { size, fit, cropSeed, tail, onError, precision, parameters } = options;
  const { reference, ...model } = modelOptions(options, signal);
  const encoder = await openEncoder(reference, {
    ...model,
    size: { frames: WINDOW_FRAMES, height: size.height, width: size.width },
  });
  const { resize } = encoder;
  const windows = { ...size, fit, tail, resize, ...defined({ cropSeed }) };
  return {
    settings: {
      ...{ command: "video-vq", model: encoder.modelId, weights: reference ?? null },
      ...{ size: `${size.width}x${size.height}`, fit, cropSeed: cropSeed ?? null },
      resize: resize ?? "opencv",
      ...{ tail, onError, precision, parameters: parameters ?? null },
    },
    versions: { "video-vq": config.version, deno: Deno.version.deno },
    jobs: JOBS,
    run: (item, signal) => tokensOf(item, { encoder, windows, onError, signal }),
    [Symbol.asyncDispose]: () => Promise.resolve(encoder[Symbol.dispose]()),
  };
}

/** What items are encoded with. */
interface Encoding extends Pick<Options, "onError"> {
  readonly encoder: WindowEncoder;
  readonly windows: WindowOptions;
  readonly signal: AbortSignal;
}

/** `tokens`, [windows, frames, rows, columns], and the times of the frames that are in them. */
async function tokensOf(
  item: BatchItem,
  { encoder, windows, onError, signal }: Encoding,
): Promise<BatchRecord> {
  const { source, from, to } = item;
  await using video = await VideoReader.open(source, { ...AS_SEEN, onError, signal });
  const range = video.rangeBetween(defined({ from, to }));
  const tokens: Tensor<"I32">[] = [];
  const pts: number[] = [];
  for await (const window of windowsOf(shapedFrames(video, range), windows)) {
    tokens.push(tokensToIndices(await encoder.encode(window, { signal }), "I32"));
    pts.push(...window.times.slice(0, window.validFrames));
  }
  const [first] = tokens;
  if (first === undefined) {
    throw new VideoVqError("bad-source", `Cannot encode ${source}: found no whole window`);
  }
  const all = tensor("I32", [tokens.length, ...first.shape]);
  tokens.forEach(({ data }, i) => all.data.set(data, i * first.data.length));
  const { width, height, fps } = video.info;
  return {
    tensors: { tokens: all, pts: tensor("F64", [pts.length], Float64Array.from(pts)) },
    fields: {
      ...{ width, height, fps, frames: pts.length, model: encoder.modelId },
      replaced_frames: video.replaced.length,
    },
  };
}
