/**
 * Sends a film: windows of pictures and blocks of sound through one channel, on one clock.
 *
 * @module
 */
import {
  type Encoder,
  type LiveHeader,
  LiveSender,
  type LiveSendStatistics,
  type Planar,
} from "@vcs/encodec-stream";
import type { Clock, Policy } from "@vcs/transport";
import { defined } from "@vcs/transport/internal";
import {
  type SendOptions,
  type SendStatistics,
  VideoSender,
  type WindowEncoder,
} from "@vcs/video-vq";
import type { Film } from "./film_source.ts";
import { InStep } from "./in_step.ts";
import { FilmTracks, type TrackSender } from "./tracks.ts";

/** What makes a film small. */
export interface FilmEncoders {
  /** Makes tokens of pictures. */
  readonly video: WindowEncoder;
  /** Makes codes of sound; its rate and channels are those of the film's sound. */
  readonly sound: Encoder;
}

/** How a film is sent. */
export interface FilmSendOptions
  extends Pick<SendOptions, "width" | "height" | "fit" | "payload" | "captureRing"> {
  /** Whether a file is read no faster than it plays. Default: false. */
  readonly realtime?: boolean;
  /** What full send queues do. Default: block, so that the source waits. */
  readonly policy?: Policy;
  /** Whether sound is sent in blocks of a tenth of a second, not of one. Default: false. */
  readonly lowLatency?: boolean;
  /** Ends the film early: what was encoded is still sent. Default: none. */
  readonly stop?: AbortSignal;
  /** Aborts everything at once with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where time comes from. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** What a sender has done so far. */
export interface FilmSendStatistics {
  /** Of the pictures. */
  readonly video: SendStatistics;
  /** Of the sound; undefined if the film has none. */
  readonly sound: LiveSendStatistics | undefined;
}

/**
 * Sends a film. Create one for each film, and `run` it once.
 *
 * @example A film with sound, over TCP
 * ```ts ignore
 * using video = await openEncoder();
 * using sound = await Encoder.open();
 * await using film = await openFilm("film.mp4", sound.spec);
 * await using channel = await openSender("tcp://watcher:7000");
 * const sender = new FilmSender(film, channel, { video, sound }, { width: 128, height: 128 });
 * await sender.run();
 * ```
 */
export class FilmSender {
  readonly #film: Film;
  readonly #encoders: FilmEncoders;
  readonly #options: FilmSendOptions;
  readonly #video: VideoSender;
  readonly #sound: LiveSender | undefined;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;

  /**
   * Prepares a film.
   *
   * @throws {RangeError} if an option is out of range.
   */
  constructor(
    film: Film,
    channel: TrackSender,
    encoders: FilmEncoders,
    options: FilmSendOptions,
  ) {
    const { lowLatency: _, realtime: __, signal, policy, clock, ...video } = options;
    this.#film = film;
    this.#encoders = encoders;
    this.#options = options;
    this.#signal = AbortSignal.any([this.#abort.signal, ...(signal ? [signal] : [])]);
    const tracks = new FilmTracks(channel, film.sound !== undefined);
    const shared = { ...defined({ policy }), signal: this.#signal };
    this.#video = new VideoSender(encoders.video, tracks.sender("video"), {
      ...video,
      ...shared,
      ...defined({ clock }),
      frameRate: film.video.frameRate,
    });
    this.#sound = film.sound &&
      new LiveSender(tracks.sender("sound"), headerOf(encoders.sound), shared);
  }

  /** What has been done so far. */
  get statistics(): FilmSendStatistics {
    return { video: this.#video.statistics, sound: this.#sound?.statistics };
  }

  /**
   * Sends pictures and sound to their ends, and the end of the film.
   *
   * @throws what the source, an encoder or the channel throws; what came before is sent.
   */
  async run(): Promise<void> {
    const { video, sound } = this.#film;
    const step = new InStep(sound !== undefined && !video.live, {
      ...defined({ realtime: this.#options.realtime, clock: this.#options.clock }),
      signal: this.#signal,
    });
    const frames = step.of("video", video.frames, ({ pts }) => pts);
    const tracks = [this.#video.run(frames), ...(sound ? [this.#runSound(sound, step)] : [])];
    const settled = await Promise.allSettled(tracks.map((track) => track.catch(this.#fail)));
    for (const track of settled) if (track.status === "rejected") throw track.reason;
  }

  /** A channel that fails one track fails the other, which may wait for it. */
  readonly #fail = (error: unknown): never => {
    this.#abort.abort(error);
    throw error;
  };

  async #runSound(sound: AsyncIterable<Planar>, step: InStep): Promise<void> {
    const { sampleRate } = this.#encoders.sound.spec;
    let samples = 0;
    const secondOf = (chunk: Planar) => (samples += chunk[0]!.length) / sampleRate;
    const live = this.#sound!;
    const audio = live.captured(step.of("sound", sound, secondOf));
    const { lowLatency } = this.#options;
    await live.run(this.#encoders.sound.encode(audio, { batch: 1, ...defined({ lowLatency }) }));
  }
}

function headerOf({ spec, codebooks }: Encoder): LiveHeader {
  return { model: spec.name, codebooks, sampleRate: spec.sampleRate };
}
