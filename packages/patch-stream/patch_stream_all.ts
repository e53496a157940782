/**
 * Several videos in one call, a bounded number of them at once.
 *
 * @example Every video of a list, whichever is done first
 * ```ts ignore
 * import { patchStreamAll } from "@vcs/patch-stream/patch_stream_all";
 *
 * for await (const { videoPath, session, error } of patchStreamAll(["a.mp4", "b.mkv"])) {
 *   if (session) console.log(videoPath, session.length);
 *   else console.error(videoPath, error);
 * }
 * ```
 *
 * @module
 */
import type { MediaSource, VideoReader } from "@vcs/media/video_reader";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import type { PatchStreamConfig } from "./config.ts";
import { type Resolved, resolvePatchConfig } from "./config/fields.ts";
import { settleBackends } from "./config/settle.ts";
import { checkProcessBackend } from "./process/backend.ts";
import { Stopwatch } from "./process/stopwatch.ts";
import { readerOptions, SampledVideo } from "./sampling/sampled_video.ts";
import type { PatchBatch, PatchStreamSession, PatchTensor } from "./session.ts";
import { streamVideo } from "./process/stream_video.ts";

export type { MediaSource };

/** What became of one video: a session, or the error that it met. */
export type VideoOutcome =
  | {
    /** Position in the list, from 0. */
    readonly index: number;
    /** The video. */
    readonly videoPath: MediaSource;
    /** Its patches; the caller closes it. */
    readonly session: PatchStreamSession;
    /** Not set. */
    readonly error?: undefined;
  }
  | {
    /** Position in the list, from 0. */
    readonly index: number;
    /** The video. */
    readonly videoPath: MediaSource;
    /** Not set. */
    readonly session?: undefined;
    /** What went wrong. */
    readonly error: unknown;
  };

/** Options of {@linkcode patchStreamAll}: the settings of each video, and how many at once. */
export interface PatchStreamAllConfig extends Omit<PatchStreamConfig, "videoPath"> {
  /** Videos at once; a GPU decodes no more than `nvdecSessionPoolSize`. Default: 2. */
  concurrency?: number;
}

/**
 * Streams several videos, `concurrency` at once. Outcomes come in the order in which videos are
 * done; a video that fails does not stop the others, an abort does. No more than `concurrency`
 * finished sessions wait to be taken.
 *
 * @throws {RangeError} for a number out of range, before anything is opened
 * @throws {TypeError} for an unknown word or field, before anything is opened
 */
export async function* patchStreamAll(
  videos: Iterable<MediaSource>,
  { concurrency = 2, ...config }: PatchStreamAllConfig = {},
): AsyncGenerator<VideoOutcome> {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError(
      `Cannot stream videos: found a concurrency of ${concurrency}, expected whole numbers from 1`,
    );
  }
  const list = [...videos];
  const resolved = list.map((videoPath) => resolvePatchConfig({ ...config, videoPath }));
  const configs = await Promise.all(resolved.map((config) => settleBackends(config)));
  await Promise.all(configs.map(checkProcessBackend));
  await using readers = new ReaderPool(configs);
  const running = new Map<number, Promise<VideoOutcome>>();
  let next = 0;
  try {
    while (next < configs.length || running.size > 0) {
      config.signal?.throwIfAborted();
      while (next < configs.length && running.size < concurrencyFor(configs[next]!, concurrency)) {
        running.set(next, outcomeOf(next, configs[next++]!, readers));
      }
      const done = await Promise.race(running.values());
      running.delete(done.index);
      yield done;
    }
  } finally {
    for (const { session } of await Promise.all(running.values())) session?.close();
  }
}

/** The patches of several videos as one tensor each. */
export interface VideoBatch extends PatchBatch {
  /** Which videos these are, by their positions in the list, [n]. */
  readonly indices: readonly number[];
  /**
   * Patches of each video, [n]. K is the most of them: behind a video's own stand zeros, with -1 in
   * all `fields`.
   */
  readonly counts: readonly number[];
  /** Values, [n, K, 3, p, p], or flattened to [n, K, 3·p·p]. */
  readonly patches: PatchTensor;
  /** Six columns of whole numbers, [n, K, 6]. */
  readonly fields: Tensor<"I64">;
  /** Energy of each patch, [n, K]. */
  readonly scores: Tensor<"F32">;
}

/**
 * Patches of several videos in batches of `batchSize`, as they are done; the last may be smaller.
 * Memory is bounded by a batch and `concurrency` sessions.
 *
 * @throws {RangeError} for a number out of range, before anything is opened
 * @throws {TypeError} for an unknown word or field, before anything is opened
 * @throws what a video that fails throws, if `onFailure` is not given
 */
export async function* patchStreamBatches(
  videos: Iterable<MediaSource>,
  { batchSize, onFailure, ...config }: PatchStreamAllConfig & {
    /** Videos of a batch. */
    batchSize: number;
    /** Called with each video that fails, which is then left out. Default: the failure is thrown. */
    onFailure?: (outcome: VideoOutcome) => void;
  },
): AsyncGenerator<VideoBatch> {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new RangeError(
      `Cannot batch videos: found a batch of ${batchSize}, expected whole numbers from 1`,
    );
  }
  let waiting: { index: number; batch: PatchBatch }[] = [];
  for await (const outcome of patchStreamAll(videos, config)) {
    const { index, session } = outcome;
    if (session) {
      waiting.push({ index, batch: session.next(session.length) });
      session.close();
    } else if (onFailure) onFailure(outcome);
    else throw outcome.error;
    if (waiting.length < batchSize) continue;
    yield stacked(waiting);
    waiting = [];
  }
  if (waiting.length > 0) yield stacked(waiting);
}

/** One tensor of several, padded to the longest. */
function stacked(videos: readonly { index: number; batch: PatchBatch }[]): VideoBatch {
  const counts = videos.map(({ batch }) => batch.scores.data.length);
  const shape = [videos.length, Math.max(...counts)];
  const first = videos[0]!.batch.patches;
  const patches = tensor(first.dtype, [...shape, ...first.shape.slice(1)]);
  const fields = tensor("I64", [...shape, 6]);
  const scores = tensor("F32", shape);
  fields.data.fill(-1n);
  videos.forEach(({ batch }, n) => {
    patches.data.set(batch.patches.data, n * patches.data.length / videos.length);
    fields.data.set(batch.fields.data, n * fields.data.length / videos.length);
    scores.data.set(batch.scores.data, n * scores.data.length / videos.length);
  });
  return { indices: videos.map(({ index }) => index), counts, patches, fields, scores };
}

function concurrencyFor(config: Resolved<PatchStreamConfig>, concurrency: number): number {
  const { decodeBackend, nvdecSessionPoolSize } = config;
  return decodeBackend === "gpu" ? Math.min(concurrency, nvdecSessionPoolSize) : concurrency;
}

async function outcomeOf(
  index: number,
  config: Resolved<PatchStreamConfig>,
  readers: ReaderPool,
): Promise<VideoOutcome> {
  const { videoPath } = config;
  try {
    const watch = new Stopwatch();
    await using lease = await readers.acquire(config);
    return {
      index,
      videoPath,
      session: await streamVideo(new SampledVideo(lease.reader, config), config, watch),
    };
  } catch (error) {
    return { index, videoPath, error };
  }
}

/** A reader for as long as a video is processed. */
interface Lease extends AsyncDisposable {
  readonly reader: VideoReader;
}

/** An open reader, and how many videos of the list still need it. */
interface SharedReader {
  readonly opening: Promise<VideoReader>;
  /** How many are still to be finished. */
  remaining: number;
}

/** Readers that stay open while their video is still to come again in the list. */
class ReaderPool implements AsyncDisposable {
  readonly #uses = new Map<string, number>();
  readonly #open = new Map<string, SharedReader>();

  /** Counts how often each video comes. */
  constructor(configs: readonly Resolved<PatchStreamConfig>[]) {
    for (const config of configs) {
      const key = keyOf(config);
      if (key !== undefined) this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
    }
  }

  /** Opens a video, or returns the reader that is open. */
  async acquire(config: Resolved<PatchStreamConfig>): Promise<Lease> {
    const key = keyOf(config);
    if (key === undefined) {
      const reader = await SampledVideo.open(config, config.energy !== "codec");
      return { reader, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
    }
    let shared = this.#open.get(key);
    if (shared === undefined) {
      shared = {
        opening: SampledVideo.open(config, config.energy !== "codec"),
        remaining: this.#uses.get(key)!,
      };
      this.#open.set(key, shared);
    }
    const reader = await shared.opening;
    return { reader, [Symbol.asyncDispose]: () => this.#release(key, shared, reader) };
  }

  async #release(key: string, shared: SharedReader, reader: VideoReader): Promise<void> {
    if (--shared.remaining > 0) return;
    this.#open.delete(key);
    await reader[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(
      Array.from(this.#open.values(), ({ opening }) => opening),
    );
    for (const result of opened) {
      if (result.status === "fulfilled") await result.value[Symbol.asyncDispose]();
    }
  }
}

/** What distinguishes openings of a video; undefined where its reader is not shared. */
function keyOf(config: Resolved<PatchStreamConfig>): string | undefined {
  const { videoPath, nvdecReuseOpenDecoder } = config;
  if (!nvdecReuseOpenDecoder) return undefined;
  if (typeof videoPath !== "string" && !(videoPath instanceof URL)) return undefined;
  return JSON.stringify([String(videoPath), readerOptions(config)]);
}
