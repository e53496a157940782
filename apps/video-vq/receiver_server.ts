/**
 * The receiving process of the page: decodes what comes from a channel, plays it at a steady rate
 * and serves the page. It starts the sending process where that is not to run elsewhere.
 *
 * @module
 */
import { openReceiver, type Receiver } from "@vcs/transport/channel";
import { openDecoder } from "@vcs/video-vq/models";
import { type Playback, playVideo } from "@vcs/video-vq/play_video";
import { VideoReceiver } from "@vcs/video-vq/receive_video";
import type { WindowDecoder } from "@vcs/video-vq/tokenizer";
import { freePort } from "../../packages/transport/brokers.ts";
import { LiveFeed } from "./live_feed.ts";

/** What the page's process needs to know. */
export interface ReceiverServerOptions {
  /** Port of the page; 0 for any. */
  readonly port: number;
  /** Where windows come in. */
  readonly listen: string;
  /** Arguments for the sending process. */
  readonly senderArgs: readonly string[];
  /** Page of a sender that runs elsewhere; none is started then. */
  readonly senderPage?: string;
  /** The model. */
  readonly model?: string;
  /** Its device. */
  readonly device?: string;
}

const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/view.js": ["view.js", "text/javascript; charset=utf-8"],
  "/style.css": ["style.css", "text/css; charset=utf-8"],
};

/** The page and what feeds it. */
export class ReceiverServer implements AsyncDisposable {
  readonly #feed = new LiveFeed();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #options: ReceiverServerOptions;
  readonly #decoder: WindowDecoder;
  readonly #channel: Receiver;
  readonly #senderPort: number;
  #sender: Deno.ChildProcess | undefined;
  #playback: Playback | undefined;

  private constructor(options: ReceiverServerOptions, decoder: WindowDecoder, channel: Receiver) {
    this.#options = options;
    this.#decoder = decoder;
    this.#channel = channel;
    this.#senderPort = options.senderPage === undefined ? freePort() : 0;
    this.#server = Deno.serve(
      { port: options.port, hostname: "127.0.0.1", onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** Opens the decoder and the channel, and starts to serve. */
  static async open(options: ReceiverServerOptions): Promise<ReceiverServer> {
    const { model, device } = options;
    const decoder = await openDecoder(model, device === undefined ? {} : { device });
    try {
      return new ReceiverServer(options, decoder, await openReceiver(options.listen));
    } catch (error) {
      decoder[Symbol.dispose]();
      throw error;
    }
  }

  /** Address of the page. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Where windows come in. */
  get listening(): string {
    return this.#channel.url;
  }

  /** Receives and plays until stopped; a stream that ends may be followed by another. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#options.senderPage === undefined) this.#startSender(signal);
    while (!signal.aborted) {
      const receiver = new VideoReceiver(this.#channel, this.#decoder, { signal });
      const timer = setInterval(() => this.#feed.state(this.#state(receiver)), 250);
      try {
        this.#playback = await playVideo(receiver, { signal });
        for await (const frame of this.#playback.frames) this.#feed.frame(frame);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        clearInterval(timer);
      }
    }
  }

  #state(receiver: VideoReceiver): object {
    const { missing: _, ...statistics } = receiver.statistics;
    const ring = this.#playback?.counters;
    return {
      decoder: this.#decoder.description,
      receive: statistics,
      ring: ring && { depth: ring.depth, underruns: ring.underruns },
    };
  }

  /** Starts the sending process; where it ends by itself, its reason is on stderr. */
  #startSender(signal: AbortSignal): void {
    const script = import.meta.resolve("./sender.ts");
    const to = ["--to", this.#channel.url, "--page", String(this.#senderPort)];
    this.#sender = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", script, ...to, ...this.#options.senderArgs],
      stdin: "null",
    }).spawn();
    signal.addEventListener("abort", () => this.#stopSender(), { once: true });
  }

  #stopSender(): void {
    try {
      this.#sender?.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/feed") return this.#feed.upgrade(request);
    if (pathname === "/sender") return Response.json({ feed: this.#senderFeed });
    const [file, type] = FILES[pathname] ?? [];
    if (file === undefined) return new Response("Not found\n", { status: 404 });
    const body = await Deno.readFile(new URL(`./page/${file}`, import.meta.url));
    return new Response(body, { headers: { "content-type": type! } });
  }

  get #senderFeed(): string {
    const { senderPage } = this.#options;
    if (senderPage === undefined) return `ws://127.0.0.1:${this.#senderPort}/`;
    return senderPage.replace(/^http/, "ws");
  }

  /** Ends the sender, the channel and the page. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopSender();
    await this.#sender?.status;
    this.#feed.close();
    await this.#channel.close();
    this.#decoder[Symbol.dispose]();
    await this.#server.shutdown();
  }
}
