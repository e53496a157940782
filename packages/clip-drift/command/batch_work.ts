/**
 * How images and videos of an archive become embeddings: one model, whose runs are filled across
 * items.
 *
 * @module
 */
import { decodeImage } from "@vcs/media/image";
import { readSource } from "@vcs/media";
import { type ReceivedBytes, VideoReader } from "@vcs/media/video_reader";
import {
  type BatchItem,
  type BatchRecord,
  type BatchWork,
  defined,
  type OptionValues,
} from "@vcs/transport/internal";
import { tensor } from "@vcs/transport/tensor";
import config from "../deno.json" with { type: "json" };
import type { RgbImage } from "../clip/preprocess.ts";
import type { Encoder } from "../encoder.ts";
import type { EMBED } from "./batch.ts";
import { isGist } from "../measures/gist_names.ts";
import { openModel } from "./open_model.ts";

/**
 * Items whose images fill the model's runs. Without a network decoding is most of it, and items have
 * processes: 0.42 s for 16 frames of a 720p clip of 4 s in two of them, 0.67 s in one process, on two
 * processors; images take as long either way. With a network each process would open its own, and
 * runs would not be filled.
 */
const JOBS = 16;

/** What the names of images end with; everything else is a video. */
const IMAGE = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif)$/i;

/** Opens the model that the options name. */
export async function openWork(
  options: OptionValues<typeof EMBED>,
  signal: AbortSignal,
): Promise<BatchWork> {
  const { frames } = options;
  const encoder = await openModel(options, signal);
  const { model, pretrained, precision, activation } = encoder.info;
  return {
    settings: {
      ...{ command: "clip-drift", model, weights: pretrained, frames },
      ...{ precision: precision ?? null, activation: activation ?? null },
    },
    versions: { "clip-drift": config.version, deno: Deno.version.deno },
    jobs: JOBS,
    readsStores: true,
    sharesModel: !isGist(model),
    run: (item, signal) => embedItem(item, { encoder, frames, signal }),
    [Symbol.asyncDispose]: () => Promise.resolve(encoder[Symbol.dispose]()),
  };
}

/** What items are embedded with. */
interface Embedding {
  readonly encoder: Encoder;
  readonly frames: number;
  readonly signal: AbortSignal;
}

/** `embeddings`, [frames, numbers], and the times of the frames; an image is one frame at 0. */
async function embedItem(
  item: BatchItem,
  { encoder, frames, signal }: Embedding,
): Promise<BatchRecord> {
  const vectors: Promise<Float32Array>[] = [];
  const pts: number[] = [];
  let size = { width: 0, height: 0 };
  let received: ReceivedBytes | undefined;
  for await (const { image, time, read } of imagesOf(item, frames, signal)) {
    const vector = encoder.encode(image);
    vector.catch(() => {}); // it is awaited below
    vectors.push(vector);
    pts.push(time);
    size = { width: image.width, height: image.height };
    received = read?.();
  }
  const { embeddingDim } = encoder.info;
  const embeddings = new Float32Array(vectors.length * embeddingDim);
  (await Promise.all(vectors)).forEach((vector, i) => embeddings.set(vector, i * embeddingDim));
  return {
    tensors: {
      embeddings: tensor("F32", [vectors.length, embeddingDim], embeddings),
      pts: tensor("F64", [pts.length], Float64Array.from(pts)),
    },
    fields: { ...size, frames: vectors.length },
    ...defined({ received }),
  };
}

/** An image of an item. */
interface Sample {
  readonly image: RgbImage;
  readonly time: number;
  /** What was read of the video so far, where it is elsewhere. */
  readonly read?: () => ReceivedBytes | undefined;
}

/** The image of an item, or the sampled frames of a video. */
async function* imagesOf(
  item: BatchItem,
  count: number,
  signal: AbortSignal,
): AsyncGenerator<Sample> {
  const { source, from, to } = item;
  const path = /^[a-z][a-z0-9+.-]*:\/\//i.test(source) ? new URL(source).pathname : source;
  if (IMAGE.test(path)) {
    const bytes = await new Response(await readSource(source, signal)).bytes();
    yield { image: await decodeImage(bytes), time: 0 };
    return;
  }
  await using video = await VideoReader.open(source, { hdr: "sdr", ranges: "rate", signal });
  const { start, end } = video.rangeBetween(defined({ from, to }));
  for await (const frame of video.framesAt(spread(start, end, count))) {
    yield { image: frame, time: frame.pts, read: () => video.received };
  }
}

/** Frames spread evenly over a range, the first and the last among them; all where it is short. */
function spread(start: number, end: number, count: number): number[] {
  const frames = Math.min(count, end - start);
  const step = (end - start - 1) / Math.max(1, frames - 1);
  return Array.from({ length: frames }, (_, i) => start + Math.round(i * step));
}
