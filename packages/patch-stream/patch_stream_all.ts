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
import { Stopwatch } from "./process/profile.ts";
import { readerOptions, SampledVideo } from "./sampling/sampled_video.ts";
import type { PatchStreamSession } from "./session.ts";
import { streamVideo } from "./process/stream_video.ts";

export type { MediaSource };

/** What became of one video: a session, or the error that it met. */
export type VideoOutcome =
  | {
    /** Place in the list, from 0. */
    readonly index: number;
    /** The video. */
    readonly videoPath: MediaSource;
    /** Its patches; the caller closes it. */
    readonly session: PatchStreamSession;
    /** Not set. */
    readonly error?: undefined;
  }
  | {
    /** Place in the list, from 0. */
    readonly index: number;
    /** The video. */
    readonly videoPath: MediaSource;
    /** Not set. */
    readonly session?: undefined;
    /** What went wrong. */
    readonly error: unknown;
  };

/** Options of {@linkcode patchStreamAll}: what each video is asked for, and how many at once. */
export interface PatchStreamAllConfig extends Omit<PatchStreamConfig, "videoPath"> {
  /** Videos at once (default 2); a GPU decodes no more than `nvdecSessionPoolSize`. */
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
      `Cannot stream videos: concurrency must be a whole number of 1 or more, found ${concurrency}`,
    );
  }
  const list = [...videos];
  const configs = list.map((videoPath) => resolvePatchConfig({ ...config, videoPath }));
  await Promise.all(configs.map(checkProcessBackend));
  await using readers = new ReaderShelf(configs);
  const running = new Map<number, Promise<VideoOutcome>>();
  let next = 0;
  try {
    while (next < configs.length || running.size > 0) {
      config.signal?.throwIfAborted();
      while (next < configs.length && running.size < atOnce(configs[next]!, concurrency)) {
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

function atOnce(config: Resolved<PatchStreamConfig>, concurrency: number): number {
  const { decodeBackend, nvdecSessionPoolSize } = config;
  return decodeBackend === "gpu" ? Math.min(concurrency, nvdecSessionPoolSize) : concurrency;
}

async function outcomeOf(
  index: number,
  config: Resolved<PatchStreamConfig>,
  readers: ReaderShelf,
): Promise<VideoOutcome> {
  const { videoPath } = config;
  try {
    const watch = new Stopwatch();
    await using lease = await readers.take(config);
    return {
      index,
      videoPath,
      session: await streamVideo(new SampledVideo(lease.reader, config), config, watch),
    };
  } catch (error) {
    return { index, videoPath, error };
  }
}

/** A reader for as long as a video is worked on. */
interface Lease extends AsyncDisposable {
  readonly reader: VideoReader;
}

/** A reader that stays open until its video has come for the last time. */
interface Shelved {
  readonly opening: Promise<VideoReader>;
  /** How often the video is still to be finished. */
  left: number;
}

/** Readers that stay open while their video is still to come again. */
class ReaderShelf implements AsyncDisposable {
  readonly #times = new Map<string, number>();
  readonly #open = new Map<string, Shelved>();

  /** Counts how often each video comes. */
  constructor(configs: readonly Resolved<PatchStreamConfig>[]) {
    for (const config of configs) {
      const key = keyOf(config);
      if (key !== undefined) this.#times.set(key, (this.#times.get(key) ?? 0) + 1);
    }
  }

  /** Opens a video, or takes it from the shelf. */
  async take(config: Resolved<PatchStreamConfig>): Promise<Lease> {
    const key = keyOf(config);
    if (key === undefined) {
      const reader = await SampledVideo.open(config);
      return { reader, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
    }
    let shelved = this.#open.get(key);
    if (shelved === undefined) {
      shelved = { opening: SampledVideo.open(config), left: this.#times.get(key)! };
      this.#open.set(key, shelved);
    }
    const reader = await shelved.opening;
    return { reader, [Symbol.asyncDispose]: () => this.#giveBack(key, shelved, reader) };
  }

  async #giveBack(key: string, shelved: Shelved, reader: VideoReader): Promise<void> {
    if (--shelved.left > 0) return;
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

/** What tells two openings of the same video apart; undefined where it is not to be kept. */
function keyOf(config: Resolved<PatchStreamConfig>): string | undefined {
  const { videoPath, nvdecReuseOpenDecoder } = config;
  if (!nvdecReuseOpenDecoder) return undefined;
  if (typeof videoPath !== "string" && !(videoPath instanceof URL)) return undefined;
  return JSON.stringify([String(videoPath), readerOptions(config)]);
}
