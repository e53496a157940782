/**
 * Sends what the cameras of this process see over a channel, `--publish nats://…`.
 *
 * A message is tensors: `state` is JSON, which is what the page's viewers get (`frame` with `view`,
 * `point` and `row`; `note`; `view`) or the list of `cameras`; `embedding` is the frame's, of unit
 * length; `jpeg` comes with `view`, once a second.
 *
 * @module
 */
import { openSender, type Sender } from "@vcs/transport/channel";
import { type Message, newStreamId } from "@vcs/transport/message";
import { type Clock, Queue, systemClock, tensorMessage } from "@vcs/transport/portable";
import { type Tensor, tensor } from "@vcs/transport/tensor";
import { ignoreAbort, settledWithin, shownUrl } from "@vcs/transport/internal";
import type { Audience, Hub, HubMessage, Measured } from "../page/hub.ts";

/** Messages that wait while the channel does not take them; then the oldest is dropped. */
const WAITING = 1000;
/** Milliseconds between lists of the cameras, images of one, and attempts to open the channel. */
const [LIST, IMAGE, RETRY] = [2000, 1000, 5000];
/** Milliseconds for what waits at the end. */
const GOODBYE = 5000;
/** Bytes of an image: NATS takes a message of a mebibyte. */
const MAX_IMAGE = 900_000;

/** How to publish. */
export interface PublishOptions {
  /** Called with lines for people. */
  readonly say: (line: string) => void;
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock;
}

/** Sends what happens in a hub. */
export class Publisher implements Audience, AsyncDisposable {
  /** Nobody who watches it here. */
  readonly viewers = 0;
  readonly #hub: Hub;
  readonly #url: string;
  readonly #say: (line: string) => void;
  readonly #clock: Clock;
  readonly #streamId = newStreamId();
  readonly #queue: Queue<Message>;
  readonly #writer: WritableStreamDefaultWriter<Message>;
  readonly #ended = new AbortController();
  readonly #imageAt = new Map<number, number>();
  readonly #sending: Promise<void>;
  readonly #listing: Promise<void>;
  #sequence = 0;
  #sender: Sender | undefined;
  #failure = "";

  /** Sends all that happens in the hub from now on. */
  constructor(hub: Hub, url: string, { say, clock = systemClock }: PublishOptions) {
    this.#hub = hub;
    this.#url = url;
    this.#say = say;
    this.#clock = clock;
    const onDrop = () => {
      if (this.dropped === 1) say("Nobody takes what is published: the oldest is dropped");
    };
    this.#queue = new Queue({ capacity: WAITING, policy: "drop-oldest", onDrop });
    this.#writer = this.#queue.writable.getWriter();
    hub.showTo(this);
    this.#sending = this.#sendAll();
    this.#listing = this.#list();
  }

  /** Messages that were dropped as the channel did not take them in time. */
  get dropped(): number {
    return this.#queue.counters.dropped;
  }

  /** Sends a change. */
  message(message: HubMessage, measured?: Measured): void {
    const { row, embedding } = measured ?? {};
    this.#put({ ...message, ...(row && { row }) }, {
      ...(embedding && { embedding: tensor("F32", [embedding.length], embedding) }),
    });
  }

  /** Sends an image, once a second at most. */
  jpeg(camera: number, jpeg: Uint8Array): void {
    const now = this.#clock.now();
    const isSoon = now - (this.#imageAt.get(camera) ?? -Infinity) < IMAGE;
    const view = this.#hub.feeds.find(({ view }) => view.id === camera)?.view;
    if (isSoon || view === undefined || jpeg.length > MAX_IMAGE) return;
    this.#imageAt.set(camera, now);
    this.#put({ type: "view", view }, { jpeg: tensor("U8", [jpeg.length], jpeg) });
  }

  /** Sends which cameras there are. */
  changed(): void {
    this.#put({ type: "cameras", cameras: this.#hub.feeds.map(({ view }) => view) });
  }

  #put(state: object, tensors: Record<string, Tensor> = {}): void {
    const json = new TextEncoder().encode(JSON.stringify(state));
    const all = { state: tensor("U8", [json.length], json), ...tensors };
    const fields = { streamId: this.#streamId, sequence: this.#sequence++, pts: Date.now() / 1000 };
    // Fails only once it is closed.
    void this.#writer.write(tensorMessage(all, fields)).catch(() => {});
  }

  /** Says again and again which cameras there are: that this process is there. */
  async #list(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      this.changed();
      await this.#clock.sleep(LIST, signal).catch(ignoreAbort(signal));
    }
  }

  async #sendAll(): Promise<void> {
    for await (const message of this.#queue.readable) {
      if (this.#ended.signal.aborted) return;
      await this.#send(message);
    }
  }

  /** Sends a message; where the channel fails the message is lost, and the channel opened anew. */
  async #send(message: Message): Promise<void> {
    const { signal } = this.#ended;
    try {
      const options = { timeout: Infinity, signal, notice: this.#say };
      this.#sender ??= await openSender(this.#url, options);
      await this.#sender.send(message);
      this.#failure = "";
    } catch (error) {
      if (signal.aborted) return;
      const line = `Cannot publish to ${shownUrl(this.#url)}: ${
        error instanceof Error ? error.message : error
      }`;
      if (line !== this.#failure) this.#say(line);
      this.#failure = line;
      await this.#sender?.close().catch(() => {});
      this.#sender = undefined;
      await this.#clock.sleep(RETRY, signal).catch(ignoreAbort(signal));
    }
  }

  /** Lets what waits be sent, but does not wait for ever. */
  async [Symbol.asyncDispose](): Promise<void> {
    void this.#writer.close().catch(() => {});
    await settledWithin(GOODBYE, this.#sending.then(() => this.#sender?.flush()).catch(() => {}));
    this.#ended.abort();
    await this.#sender?.close().catch(() => {});
    await Promise.all([this.#sending, this.#listing]);
  }
}
