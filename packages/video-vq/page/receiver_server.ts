/**
 * The receiving process of the page: decodes what arrives on a channel, plays it at a steady rate
 * and serves the page. It starts the sending process unless that runs elsewhere.
 *
 * @module
 */
import { openReceiver, type Receiver } from "@vcs/transport/channel";
import { defined, Feed, freePort, Site, type SiteOptions } from "@vcs/transport/internal";
import { observedRoutes } from "../command/observed.ts";
import type { FrameSize } from "../command/options.ts";
import { openDecoder } from "../models.ts";
import { type Playback, playVideo } from "../play.ts";
import { RECEIVER_CAPABILITIES, VideoReceiver } from "../receive.ts";
import type { WindowDecoder } from "../stream/tokenizer.ts";
import { WINDOW_FRAMES } from "../stream/windows.ts";
import { ASSETS } from "./assets.ts";
import { encodeLiveFrame } from "./live_frame.ts";
import { relay } from "./relay.ts";

/** What the page's process needs to know. */
export interface ReceiverServerOptions {
  /** Where the page is served. */
  readonly site: Pick<SiteOptions, "hostname" | "port" | "token">;
  /** Channel on which windows arrive. */
  readonly listen: string;
  /** Arguments for the sending process. */
  readonly senderArgs: readonly string[];
  /** URL of a sender that runs elsewhere. Default: one is started. */
  readonly senderPage?: string;
  /** The model. */
  readonly model?: string;
  /** Its device. */
  readonly device: string;
  /** Size of frames that the decoder gets ready for. Default: none, the first window takes longer. */
  readonly size?: FrameSize;
  /** Classes of data that may stand in its weights. Default: none beyond the list. */
  readonly allowGlobals?: readonly string[];
}

/** What the server holds. */
interface Parts {
  readonly site: Site;
  readonly decoder: WindowDecoder;
  readonly channel: Receiver;
  /** Frames and states of this process. */
  readonly copy: Feed;
  /** Frames and states of the sender. */
  readonly source: Feed;
  /** The receiver of the stream that runs. */
  readonly current: { receiver?: VideoReceiver };
}

/** The page and what feeds it. */
export class ReceiverServer implements AsyncDisposable {
  readonly #options: ReceiverServerOptions;
  readonly #parts: Parts;
  #sender: Deno.ChildProcess | undefined;
  #playback: Playback | undefined;

  private constructor(options: ReceiverServerOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Starts to serve, and opens the decoder and the channel. */
  static async open(options: ReceiverServerOptions): Promise<ReceiverServer> {
    const { model, device, listen, allowGlobals } = options;
    const size = options.size && { frames: WINDOW_FRAMES, ...options.size };
    const copy = new Feed();
    const source = new Feed();
    const current: { receiver?: VideoReceiver } = {};
    const observed = observedRoutes(() => current.receiver?.statistics ?? {});
    const routes = { "GET /copy": copy, "GET /source": source, ...observed };
    await using held = new AsyncDisposableStack();
    const site = held.use(await Site.open({ ...options.site, assets: ASSETS, routes }));
    const decoder = held.use(await openDecoder(model, defined({ device, size, allowGlobals })));
    const channel = await openReceiver(listen, { capabilities: RECEIVER_CAPABILITIES });
    held.move();
    return new ReceiverServer(options, { site, decoder, channel, copy, source, current });
  }

  /** URL of the page, with the token if there is one. */
  get url(): string {
    return this.#parts.site.url;
  }

  /** Channel on which windows arrive. */
  get listening(): string {
    return this.#parts.channel.url;
  }

  /** Receives and plays until stopped; a stream that ends may be followed by another. */
  async run(signal: AbortSignal): Promise<void> {
    const { channel, decoder, copy, source } = this.#parts;
    void relay(this.#options.senderPage ?? this.#startSender(signal), source, signal);
    while (!signal.aborted) {
      const receiver = new VideoReceiver(channel, decoder, { onResize: "keep", signal });
      this.#parts.current.receiver = receiver;
      const timer = setInterval(() => copy.send(this.#state(receiver), "state"), 250);
      try {
        this.#playback = await playVideo(receiver, { signal });
        for await (const frame of this.#playback.frames) copy.send(encodeLiveFrame(frame));
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        clearInterval(timer);
      }
    }
  }

  #state(receiver: VideoReceiver): string {
    const { missing: _, ...statistics } = receiver.statistics;
    const ring = this.#playback?.counters;
    return JSON.stringify({
      decoder: this.#parts.decoder.description,
      receive: statistics,
      ring: ring && { depth: ring.depth, underruns: ring.underruns },
    });
  }

  /** Starts the sending process and returns its URL; if it fails, stderr says why. */
  #startSender(signal: AbortSignal): string {
    const port = freePort();
    const command = new URL("../mod.ts", import.meta.url).href;
    const { listen } = this.#options;
    // The channel's own URL knows the port that was chosen, and no password.
    const channel = new URL(listen).port === "0" ? this.#parts.channel.url : listen;
    const to = ["--to", channel, "--port", String(port)];
    this.#sender = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", command, "page", ...to, ...this.#options.senderArgs],
      // Its feed is for this process alone.
      env: { VCS_TOKEN: "", VCS_TOKEN_FILE: "" },
      stdin: "null",
    }).spawn();
    signal.addEventListener("abort", () => this.#stopSender(), { once: true });
    return `http://127.0.0.1:${port}/`;
  }

  #stopSender(): void {
    try {
      this.#sender?.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
  }

  /** Ends the sender, the channel and the page. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopSender();
    await this.#sender?.status;
    const { site, channel, decoder } = this.#parts;
    await site[Symbol.asyncDispose]();
    await channel.close();
    decoder[Symbol.dispose]();
  }
}
