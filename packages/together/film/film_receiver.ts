/**
 * Receives a film: each picture and each piece of sound with its second on one line of time. What
 * is lost leaves a gap, and moves nothing.
 *
 * @module
 */
import {
  type CodecOptions,
  Decoder,
  EcdcError,
  LiveSource,
  type LiveStatistics,
  type Planar,
  playback,
} from "@vcs/encodec-stream";
import type { Message } from "@vcs/transport/message";
import {
  framesOf,
  type ReceivedFrame,
  type ReceiveOptions,
  type ReceiveStatistics,
  VideoReceiver,
  type WindowDecoder,
} from "@vcs/video-vq";
import { Timeline } from "./timeline.ts";
import { type TrackReceiver, TrackSplitter } from "./tracks.ts";

/** Rate and channels of received sound. */
export const SOUND = { sampleRate: 48_000, channels: 2 } as const;

/** Takes a film. Pictures come in order, and so does sound; each at its own pace. */
export interface FilmOutput {
  /** Called first: whether sound will come. */
  begin(hasSound: boolean): void;
  /** A picture, to be shown from a second on until the next one; what has gone by is left out. */
  frame(frame: ReceivedFrame, second: number): Promise<void>;
  /** Samples of two channels at 48 kHz, the first to be heard at a second. */
  sound(samples: Planar, second: number): Promise<void>;
}

/** How a film is received. */
export interface FilmReceiveOptions extends Pick<ReceiveOptions, "onEvent" | "force" | "clock"> {
  /** How the decoder of sound is opened. Default: as `Decoder.open` does it. */
  readonly codec?: CodecOptions;
  /** Ends receiving with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a receiver has done so far. */
export interface FilmReceiveStatistics {
  /** Of the pictures. */
  readonly video: ReceiveStatistics;
  /** Of the sound; undefined if none came. */
  readonly sound: LiveStatistics | undefined;
  /** Messages that were none of a film's. */
  readonly foreign: number;
}

/** Receives one film, or several one after the other. Create one for each output. */
export class FilmReceiver {
  readonly #tracks: TrackSplitter;
  readonly #video: VideoReceiver;
  readonly #options: FilmReceiveOptions;
  readonly #timeline = new Timeline();
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  #sound: LiveSource | undefined;

  /** Prepares to receive. */
  constructor(channel: TrackReceiver, decoder: WindowDecoder, options: FilmReceiveOptions = {}) {
    const { codec: _, signal, ...video } = options;
    this.#options = options;
    this.#signal = AbortSignal.any([this.#abort.signal, ...(signal ? [signal] : [])]);
    this.#tracks = new TrackSplitter(channel, this.#signal);
    const receiver = this.#tracks.receiver("video");
    this.#video = new VideoReceiver(receiver, decoder, { ...video, signal: this.#signal });
  }

  /** What has been done so far. */
  get statistics(): FilmReceiveStatistics {
    return {
      video: this.#video.statistics,
      sound: this.#sound?.statistics,
      foreign: this.#tracks.foreign,
    };
  }

  /**
   * Receives to the end of the film.
   *
   * @throws what the channel, a decoder or the output throws.
   */
  async run(output: FilmOutput): Promise<void> {
    const hasSound = await this.#tracks.hasSound();
    output.begin(hasSound);
    const tracks = [this.#runVideo(output), ...(hasSound ? [this.#runSound(output)] : [])];
    const settled = await Promise.allSettled(tracks.map((track) => track.catch(this.#fail)));
    for (const track of settled) if (track.status === "rejected") throw track.reason;
  }

  readonly #fail = (error: unknown): never => {
    this.#abort.abort(error);
    throw error;
  };

  async #runVideo(output: FilmOutput): Promise<void> {
    for await (const window of this.#video.windows()) {
      for (const frame of framesOf(window)) {
        const second = this.#timeline.at({ streamId: window.streamId, pts: frame.pts });
        await output.frame(frame, second);
        this.#timeline.reached(second + frame.duration);
      }
    }
  }

  async #runSound(output: FilmOutput): Promise<void> {
    const source = await openSound(this.#tracks.messages("sound", this.#signal));
    if (!source) return;
    this.#sound = source;
    using decoder = await Decoder.open(source.header.model, this.#options.codec);
    const { sampleRate: rate, channels } = SOUND;
    for await (const block of playback(decoder, source, { rate, channels })) {
      const place = source.placeOf(block.start / rate);
      if (!place) continue;
      const second = this.#timeline.at(place);
      await output.sound(block.channels, second);
      this.#timeline.reached(second + block.channels[0]!.length / rate);
    }
  }
}

/** The blocks of sound; undefined if the film ended without one that could be read. */
async function openSound(messages: AsyncIterable<Message>): Promise<LiveSource | undefined> {
  try {
    return await LiveSource.open(messages);
  } catch (error) {
    if (error instanceof EcdcError && error.code === "no-audio") return undefined;
    throw error;
  }
}
