/**
 * The `zmq+push:` and `zmq+pull:` channels: ZeroMQ's PUSH and PULL sockets. Work is shared among
 * all peers; each has at most `credits` messages that it has not answered for.
 *
 * Between two ends of ours the answer means that the message was accepted, so that nothing is
 * lost when a receiver dies. A libzmq peer answers when the message is in its queue, and takes
 * that queue with it when it dies. A peer of ZMTP 3.0 cannot answer: for it the message has only
 * been written.
 *
 * @module
 */
import { settledWithin } from "../../flow/abort.ts";
import type { ChannelSettings, Receiver, Sender } from "../types.ts";
import { Condition } from "../../flow/condition.ts";
import { TransportError } from "../../errors.ts";
import { CumulativeAck } from "../../flow/cumulative_ack.ts";
import { type PeerRules, readPeerRules } from "../connections.ts";
import { Inbox, InboxReceiver } from "../inbox.ts";
import { Outbox, OutboxSender } from "../outbox.ts";
import { keepAlive, openPeers, ping, pingContext, pong } from "./peers.ts";
import type { ZmtpConnection, ZmtpItem } from "./zmtp.ts";

/** PINGs of a peer that wait for an answer. */
const MAX_PINGS = 1024;
/** Milliseconds in which a receiver that closes answers for what it accepted and says goodbye. */
const FAREWELL = 500;

/** Opens a PUSH socket; it connects where the URL does not say `listen=true`. */
export function openPush(url: URL, settings: ChannelSettings): Sender {
  const rules = readPeerRules(url, false, settings);
  const outbox = new Outbox(rules.credits, settings, true);
  const use = (peer: ZmtpConnection) => push(peer, rules, outbox);
  const peers = openPeers({ type: "PUSH", url, settings, rules, use });
  return new OutboxSender({ url: peers.url, outbox, stop: () => peers.stop() }, settings);
}

/** Gives messages to one peer until it is gone; what it did not answer for goes to another. */
async function push(peer: ZmtpConnection, rules: PeerRules, outbox: Outbox): Promise<void> {
  using flight = new PeerFlight(peer, rules);
  outbox.connect();
  const writing = (async () => {
    for (;;) {
      await flight.room();
      const { number, bytes } = await outbox.lease(peer.signal);
      await flight.write(number, bytes);
      if (!peer.knowsCommands) outbox.acknowledge(number);
    }
  })().catch(() => peer[Symbol.dispose]());
  try {
    for await (const number of flight.answered()) outbox.acknowledge(number);
  } finally {
    peer[Symbol.dispose]();
    await writing;
    outbox.disconnect();
    outbox.release((entry) => flight.has(entry.number));
  }
}

/** The messages that a peer has not answered for, at most as many as it has credits. */
export class PeerFlight implements Disposable {
  readonly #peer: ZmtpConnection;
  readonly #credits: number;
  readonly #alive: Disposable;
  readonly #changed = new Condition();
  readonly #pending: number[] = [];
  #written = 0;
  #answered = 0;

  constructor(peer: ZmtpConnection, { credits, heartbeat }: PeerRules) {
    this.#peer = peer;
    this.#credits = Math.min(credits, peer.credits ?? Infinity);
    this.#alive = keepAlive(peer, heartbeat, () => this.#pending.length > 0);
  }

  /** Waits until the peer may get another message. */
  async room(): Promise<void> {
    while (this.#pending.length >= this.#credits) await this.#changed.changed(this.#peer.signal);
  }

  /** Waits until the peer answered for everything. */
  async empty(): Promise<void> {
    while (this.#pending.length > 0) await this.#changed.changed(this.#peer.signal);
  }

  has(number: number): boolean {
    return this.#pending.includes(number);
  }

  /** Writes a message; a peer that knows no commands never answers for it. */
  async write(number: number, bytes: Uint8Array): Promise<void> {
    this.#pending.push(number);
    await this.#peer.writeMessage(bytes);
    if (this.#peer.knowsCommands) await ping(this.#peer, ++this.#written);
    else this.#pending.shift();
  }

  /** The messages that the peer answers for, as they come; hands other items to `other`. */
  async *answered(other: (item: ZmtpItem) => void = () => {}): AsyncGenerator<number> {
    for (let item = await this.#peer.read(); item; item = await this.#peer.read()) {
      if (item.kind === "message") other(item);
      else if (item.name === "PING") await pong(this.#peer, pingContext(item).context);
      else if (item.name === "PONG") yield* this.#answer(pingContext(item).count ?? 0);
      else other(item);
    }
  }

  [Symbol.dispose](): void {
    this.#alive[Symbol.dispose]();
  }

  *#answer(count: number): Generator<number> {
    while (this.#answered < Math.min(count, this.#written)) {
      this.#answered++;
      yield this.#pending.shift()!;
    }
    this.#changed.notify();
  }
}

/** Opens a PULL socket; it listens where the URL does not say `listen=false`. */
export function openPull(url: URL, settings: ChannelSettings): Receiver {
  const inbox = new Inbox(settings.maxPayload);
  const current = new Set<Answers>();
  const rules = readPeerRules(url, true, settings);
  const peers = openPeers({
    ...{ type: "PULL", url, settings, rules },
    unreachable: (error) => inbox.fail(error),
    async use(peer) {
      const answers = new Answers(peer);
      current.add(answers);
      await pull(peer, rules, inbox, answers).finally(() => current.delete(answers));
    },
  });
  const stop = async () => {
    await settledWithin(FAREWELL, Promise.allSettled([...current].map((answers) => answers.end())));
    await peers.stop();
  };
  return new InboxReceiver({ url: peers.url, inbox, stop }, settings);
}

/** Takes messages from one peer until it is gone. */
export async function pull(
  peer: ZmtpConnection,
  { credits, heartbeat }: PeerRules,
  inbox: Inbox,
  answers: Answers,
): Promise<void> {
  using _alive = keepAlive(peer, heartbeat, () => answers.waiting >= credits);
  inbox.countConnection();
  for (let item = await peer.read(); item; item = await peer.read()) {
    if (item.kind === "message") {
      await answers.room(credits);
      const accept = answers.expect();
      if (!item.body) inbox.countCorrupt();
      if (!item.body || !inbox.offer(item.body, accept)) accept();
    } else if (item.name === "PING") {
      const { context, count } = pingContext(item);
      if (count === undefined) await pong(peer, context);
      else answers.ask(count, context);
    }
  }
}

/** Answers a sender of ours for each message when it and those before it were accepted. */
export class Answers {
  readonly #peer: ZmtpConnection;
  readonly #changed = new Condition();
  readonly #acks = new CumulativeAck();
  readonly #pings: { count: number; context: Uint8Array }[] = [];
  #received = 0;
  #answered = 0;
  #isEnding = false;

  constructor(peer: ZmtpConnection) {
    this.#peer = peer;
  }

  /** A message came; the returned function accepts it. */
  expect(): () => void {
    const number = ++this.#received;
    return () => {
      this.#acks.accept(number);
      this.#answerAccepted();
    };
  }

  /** Messages of this peer that are not accepted. */
  get waiting(): number {
    return this.#received - this.#acks.through;
  }

  /** Waits until fewer than `most` messages of this peer are not accepted. */
  async room(most: number): Promise<void> {
    while (this.waiting >= most && !this.#isEnding) {
      await this.#changed.changed(this.#peer.signal);
    }
  }

  /**
   * Answers a sender of ours for all that was accepted, whose PINGs are in flight, and waits
   * until it has hung up: if we did, it might not read the last answers. Throws when it has.
   */
  async end(): Promise<void> {
    const { signal, credits } = this.#peer;
    if (credits === undefined) return;
    this.#isEnding = true;
    this.#changed.notify();
    while (this.#answered < this.#acks.through) await this.#changed.changed(signal);
    await this.#peer.end();
    while (!signal.aborted) await this.#changed.changed(signal);
  }

  ask(count: number, context: Uint8Array): void {
    // Without a limit a peer that only pings would fill the memory.
    if (count > this.#received || this.#pings.length >= MAX_PINGS) {
      throw new TransportError(
        "format",
        `Cannot answer for ${count} of ${this.#received} messages`,
      );
    }
    this.#pings.push({ count, context });
    this.#answerAccepted();
  }

  #answerAccepted(): void {
    while (this.#pings.length > 0 && this.#pings[0]!.count <= this.#acks.through) {
      const { count, context } = this.#pings.shift()!;
      pong(this.#peer, context).catch(() => {});
      this.#answered = count;
    }
    this.#changed.notify();
  }
}
