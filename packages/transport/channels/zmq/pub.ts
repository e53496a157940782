/**
 * The `zmq+pub:` and `zmq+sub:` channels: ZeroMQ's PUB and SUB sockets. Every subscriber gets a
 * copy of what is sent while it is there. One that does not keep up misses the oldest messages
 * that wait for it; the sender never waits. Receivers count what they miss as gaps.
 *
 * @module
 */
import { settledWithin } from "../../flow/abort.ts";
import { BoundedBuffer } from "../../flow/buffer.ts";
import type { ChannelSettings, Receiver, Sender } from "../types.ts";
import { type PeerRules, readPeerRules } from "../connections.ts";
import { Inbox, InboxReceiver } from "../inbox.ts";
import { Outbox, OutboxSender } from "../outbox.ts";
import { openPeers } from "./peers.ts";
import { Answers, PeerFlight, pull } from "./push.ts";
import type { ZmtpConnection, ZmtpItem } from "./zmtp.ts";

/** Subscriptions of one peer, and the length of each. */
const MAX_TOPICS = 64;
/** Milliseconds that subscribers get to take what waits for them when the sender closes. */
const LINGER = 800;

/** Opens a PUB socket; it listens where the URL does not say `listen=false`. */
export function openPub(url: URL, settings: ChannelSettings): Sender {
  const outbox = new Outbox(1, { ...settings, timeout: Infinity });
  const subscribers = new Set<Subscriber>();
  const rules = readPeerRules(url, true, settings);
  const peers = openPeers({
    ...{ type: "PUB", url, settings, rules },
    async use(peer) {
      const subscriber = new Subscriber(peer, rules, () => outbox.countDrop());
      subscribers.add(subscriber);
      // Before it subscribes to something, nothing would reach it.
      void subscriber.subscribed.then(() => outbox.connect());
      try {
        await subscriber.serve();
      } finally {
        subscribers.delete(subscriber);
        void subscriber.subscribed.then(() => outbox.disconnect());
      }
    },
  });
  const abort = new AbortController();
  const running = publish(outbox, subscribers, abort.signal).catch(() => {});
  const stop = async () => {
    abort.abort();
    await running;
    const drained = Promise.all([...subscribers].map((subscriber) => subscriber.drain()));
    await settledWithin(LINGER, drained);
    await peers.stop();
  };
  return new OutboxSender({ url: peers.url, outbox, stop }, settings);
}

async function publish(
  outbox: Outbox,
  subscribers: ReadonlySet<Subscriber>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const { number, bytes } = await outbox.lease(signal);
    const offered = await Promise.all([...subscribers].map((one) => one.offer(bytes)));
    if (offered.includes(true)) outbox.acknowledge(number);
    else outbox.drop(number);
  }
}

/** A peer with the prefixes that it wants and what waits for it. */
class Subscriber {
  readonly #peer: ZmtpConnection;
  readonly #waiting: BoundedBuffer<Uint8Array>;
  readonly #flight: PeerFlight;
  readonly #topics: Uint8Array[] = [];
  readonly #subscribed = Promise.withResolvers<void>();
  #writing: Promise<void> | undefined;

  constructor(peer: ZmtpConnection, rules: PeerRules, onDrop: () => void) {
    this.#peer = peer;
    this.#waiting = new BoundedBuffer(rules.credits, "drop-oldest", onDrop);
    this.#flight = new PeerFlight(peer, rules);
  }

  /** Fulfilled with the first subscription. */
  get subscribed(): Promise<void> {
    return this.#subscribed.promise;
  }

  /** Puts a message in the way of the peer; whether it wants it. */
  async offer(bytes: Uint8Array): Promise<boolean> {
    const wants = this.#topics.some((topic) => topic.every((byte, i) => bytes[i] === byte));
    if (wants) await this.#waiting.put(bytes);
    return wants;
  }

  /** Works until the peer is gone. */
  async serve(): Promise<void> {
    using flight = this.#flight;
    this.#writing = this.#write().catch(() => this.#peer[Symbol.dispose]());
    try {
      for await (const _ of flight.answered((item) => this.#subscribe(item)));
    } finally {
      this.#peer[Symbol.dispose]();
      await this.#writing;
    }
  }

  /** Waits until the peer has taken everything. */
  async drain(): Promise<void> {
    this.#waiting.end();
    await this.#writing;
  }

  async #write(): Promise<void> {
    for (let number = 1;; number++) {
      await this.#flight.room();
      const next = await this.#waiting.take(this.#peer.signal);
      if (!next) break;
      await this.#flight.write(number, next.item);
    }
    await this.#flight.empty();
  }

  /** Commands of ZMTP 3.1, or messages that start with 1 or 0 in ZMTP 3.0. */
  #subscribe(item: ZmtpItem): void {
    const { body } = item;
    if (!body) return;
    if (item.kind === "command") return this.#change(item.name === "SUBSCRIBE", body, item.name);
    this.#change(body[0] === 1, body.subarray(1), "CANCEL");
  }

  #change(add: boolean, topic: Uint8Array, otherwise: string): void {
    if (add && this.#topics.length < MAX_TOPICS) this.#topics.push(topic.slice());
    if (add) this.#subscribed.resolve();
    if (add || otherwise !== "CANCEL") return;
    const same = (other: Uint8Array) =>
      other.length === topic.length && other.every((byte, i) => byte === topic[i]);
    const at = this.#topics.findIndex(same);
    if (at >= 0) this.#topics.splice(at, 1);
  }
}

/** Opens a SUB socket for everything; it connects where the URL does not say `listen=true`. */
export function openSub(url: URL, settings: ChannelSettings): Receiver {
  const inbox = new Inbox(settings.maxPayload);
  const rules = readPeerRules(url, false, settings);
  const peers = openPeers({
    ...{ type: "SUB", url, settings, rules },
    unreachable: (error) => inbox.fail(error),
    async use(peer) {
      if (peer.knowsCommands) await peer.writeCommand("SUBSCRIBE", new Uint8Array(0));
      else await peer.writeMessage(new Uint8Array([1]));
      await pull(peer, rules, inbox, new Answers(peer));
    },
  });
  return new InboxReceiver({ url: peers.url, inbox, stop: () => peers.stop() }, settings);
}
