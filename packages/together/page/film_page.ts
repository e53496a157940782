/**
 * The page of `together decode --page`: shows and plays a film while it is received.
 *
 * @module
 */
import type { Planar } from "@vcs/encodec-stream";
import { type Clock, systemClock } from "@vcs/transport/portable";
import { Feed, Site, type SiteOptions } from "@vcs/transport/internal";
import { type ReceivedFrame, ShapeRestorer } from "@vcs/video-vq";
import { type FilmOutput, SOUND } from "../film/film_receiver.ts";
import { ASSETS } from "./assets.ts";
import { pictureMessage, soundMessage } from "./film_message.ts";

/** Where the page is, and how fast it is fed. */
export interface FilmPageOptions
  extends Pick<SiteOptions, "hostname" | "port" | "token" | "signal"> {
  /** Where time comes from. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** Seconds that viewers are sent ahead of what they hear. */
const AHEAD = 1;
/** Bytes that may wait for one viewer: about a second of large pictures. */
const WAITING = 32 * 2 ** 20;
/** Milliseconds in which a viewer must take some of them: a page in the background is slow. */
const STUCK_AFTER = 10_000;

/** A page that plays a film, to be closed with `await using`. */
export class FilmPage implements FilmOutput, AsyncDisposable {
  readonly #site: Site;
  readonly #feed: Feed;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #shape = new ShapeRestorer();
  /** When second 0 is sent. */
  #start: number | undefined;
  #end = 0;

  private constructor(site: Site, feed: Feed, { clock = systemClock, signal }: FilmPageOptions) {
    this.#site = site;
    this.#feed = feed;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Starts to serve. */
  static async open(options: FilmPageOptions = {}): Promise<FilmPage> {
    const { clock: _, signal: __, ...place } = options;
    const feed = new Feed({ waiting: WAITING, stuckAfter: STUCK_AFTER });
    const site = await Site.open({ ...place, assets: ASSETS, routes: { "GET /film": feed } });
    return new FilmPage(site, feed, options);
  }

  /** URL of the page, with the token if there is one. */
  get url(): string {
    return this.#site.url;
  }

  /** Viewers now. */
  get viewers(): number {
    return this.#feed.viewers;
  }

  /** Sound comes or not: the page finds out. */
  begin(): void {}

  /** Sends a picture shortly before its second. */
  async frame(frame: ReceivedFrame, second: number): Promise<void> {
    await this.#due(second + frame.duration, second);
    this.#feed.send(pictureMessage(this.#shape.restore(frame), second));
  }

  /** Sends sound shortly before its second. */
  async sound(samples: Planar, second: number): Promise<void> {
    const seconds = (samples[0]?.length ?? 0) / SOUND.sampleRate;
    await this.#due(second + seconds, second);
    this.#feed.send(soundMessage(samples, SOUND.sampleRate, second));
  }

  /** Resolves when all that was sent has been heard. */
  async played(): Promise<void> {
    if (this.#start === undefined || this.#signal?.aborted) return;
    await this.#clock.sleep(this.#start + 1000 * (this.#end + 2 * AHEAD) - this.#clock.now());
  }

  /** Waits until something is to be sent: a film comes as fast as the network has it. */
  async #due(end: number, second: number): Promise<void> {
    const now = this.#clock.now();
    this.#end = Math.max(this.#end, end);
    this.#start ??= now - 1000 * second;
    const wait = this.#start + 1000 * (second - AHEAD) - now;
    if (wait < -2000 * AHEAD) this.#start = now - 1000 * second; // the stream stood still
    await this.#clock.sleep(wait, this.#signal);
  }

  /** Ends the page. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#site[Symbol.asyncDispose]();
  }
}
