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
import type { PatchStreamConfig } from "./config.ts";
import { type Resolved, resolvePatchConfig } from "./config/fields.ts";
import { checkProcessBackend } from "./process/backend.ts";
import { Stopwatch } from "./process/stopwatch.ts";
import { readerOptions, SampledVideo } from "./sampling/sampled_video.ts";
import type { PatchStreamSession } from "./session.ts";
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
  const configs = list.map((videoPath) => resolvePatchConfig({ ...config, videoPath }));
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
      const reader = await SampledVideo.open(config);
      return { reader, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
    }
    let shared = this.#open.get(key);
    if (shared === undefined) {
      shared = { opening: SampledVideo.open(config), remaining: this.#uses.get(key)! };
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
