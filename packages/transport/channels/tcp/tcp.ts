/**
 * The `tcp:` channel: messages by credits, acknowledged when accepted, sent again over a new
 * connection. One sender and one receiver at a time.
 *
 * The sender numbers its messages; the receiver tells the number up to which it accepted all,
 * which is the acknowledgement and the credit in one. After a lost connection the receiver's
 * hello tells what had come, so that nothing comes twice unless the receiver itself was
 * restarted.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { ChannelSettings, Receiver, Sender } from "../types.ts";
import { TransportError } from "../../errors.ts";
import { CumulativeAck } from "../../flow/cumulative_ack.ts";
import { Inbox, InboxReceiver } from "../inbox.ts";
import { newStreamId, NO_ID } from "../../message.ts";
import { Outbox, OutboxSender } from "../outbox.ts";
import { hostAndPort, UrlSettings } from "../settings.ts";
import { FRAME, type Frame, frameControl, frameMessage, HEADER_SIZE } from "./frames.ts";
import { ConnectionManager } from "./connection_manager.ts";
import type { Hello, Link, Role } from "./link.ts";

/** Damaged arrivals of one message before it is left out: the damage is not the wire's then. */
const MAX_DAMAGED = 3;

/** Microtasks in which a loop that waited for a message takes it and accepts it. */
const TICKS = 8;

/** Opens the sending end. */
export function openTcpSender(url: URL, settings: ChannelSettings): Sender {
  const { credits, ...place } = readUrl(url, "sender", settings);
  const outbox = new Outbox(credits, settings, true);
  const id = newStreamId();
  const manager: ConnectionManager = new ConnectionManager({
    ...place,
    settings,
    hello: () => ({ role: "sender", id, peerId: NO_ID, received: 0, credits }),
    use: (link) => carry(link, id, outbox),
    refused: (error) => outbox.fail(error),
  });
  const carrier = { url: addressOf(url, manager), outbox, headroom: HEADER_SIZE };
  return new OutboxSender({ ...carrier, stop: () => manager.stop() }, settings);
}

/** Opens the receiving end. */
export function openTcpReceiver(url: URL, settings: ChannelSettings): Receiver {
  const { credits, ...place } = readUrl(url, "receiver", settings);
  const inbox = new Inbox(settings.maxPayload);
  const session = new Session(newStreamId(), credits, inbox);
  const manager: ConnectionManager = new ConnectionManager({
    ...place,
    settings,
    hello: () => session.hello(),
    use: (link) => session.feed(link),
    refused: (error) => inbox.fail(error),
  });
  const stop = () => manager.stop([session.acceptFrame()]);
  return new InboxReceiver({ url: addressOf(url, manager), inbox, stop }, settings);
}

function readUrl(url: URL, role: Role, { secret }: ChannelSettings) {
  if (secret === "") throw new RangeError("Cannot open tcp: the secret is empty");
  const read = new UrlSettings(url);
  const place = {
    ...hostAndPort(url),
    credits: read.count("credits", 3),
    listen: read.flag("listen", role === "receiver"),
    heartbeat: read.count("heartbeat", 5000),
  };
  read.done();
  if (place.listen && place.hostname === "*") place.hostname = "0.0.0.0";
  return place;
}

/** The URL for the peer, with the port that was chosen. */
function addressOf(url: URL, manager: ConnectionManager): string {
  const address = new URL(url);
  address.port = String(manager.port);
  return address.href;
}

/** Carries an outbox over one link. */
async function carry(link: Link, id: string, outbox: Outbox): Promise<void> {
  const { peerId, received, credits } = link.peer;
  const there = peerId === id ? received : 0;
  outbox.release((entry) => entry.number > there);
  outbox.connect();
  const stop = new AbortController();
  const signal = AbortSignal.any([link.signal, stop.signal]);
  const writing = (async () => {
    for (;;) {
      const entry = await outbox.lease(signal, credits);
      await link.write(frameMessage(entry.bytes, entry.number));
    }
  })().catch(() => link[Symbol.dispose]());
  try {
    for (let frame = await link.read(); frame; frame = await link.read()) {
      if (frame.type !== FRAME.accept || frame.number > outbox.sent) throw brokenRules(frame);
      outbox.acknowledgeThrough(frame.number);
    }
  } finally {
    stop.abort();
    outbox.disconnect();
    await writing;
  }
}

/** The sender that is there now. */
interface Far {
  readonly link: Link;
  /** Up to which number it was told of acceptances. */
  told: number;
  /** Whether it is being told: one write at a time, however slowly it reads. */
  telling: boolean;
  /** Whether its next bytes are waited for. */
  reading: boolean;
}

/** What a receiver knows of the sender that it saw last. */
class Session {
  readonly #id: string;
  readonly #credits: number;
  readonly #inbox: Inbox;
  /** Acceptances that are told without waiting for more: half of the credits. */
  readonly #many: number;
  #run = new Run(NO_ID);
  #far: Far | undefined;
  /** Set where fewer acceptances are told soon. */
  #later: ReturnType<typeof setImmediate> | undefined;
  #damaged = { number: 0, times: 0 };

  constructor(id: string, credits: number, inbox: Inbox) {
    this.#id = id;
    this.#credits = credits;
    this.#many = Math.max(1, Math.floor(credits / 2));
    this.#inbox = inbox;
  }

  hello(): Hello {
    const { peerId, received } = this.#run;
    return { role: "receiver", id: this.#id, peerId, received, credits: this.#credits };
  }

  /** Tells the sender what was accepted. */
  acceptFrame(): Uint8Array {
    return frameControl(FRAME.accept, this.#run.accepted);
  }

  /** Reads messages from one link until it is over. */
  async feed(link: Link): Promise<void> {
    this.#inbox.countConnection();
    if (link.peer.id !== this.#run.peerId) {
      // Senders that come and go must not fill our memory: first what the last one sent.
      await this.#inbox.room(1, link.signal);
      this.#run = new Run(link.peer.id);
    }
    const far = this.#far = { link, told: -1, telling: false, reading: false };
    this.#tell();
    try {
      for (;;) {
        if (!link.ready) await this.#prepareToWait(far);
        const frame = await link.read();
        far.reading = false;
        if (frame === undefined) return;
        this.#take(frame);
      }
    } finally {
      this.#far = undefined;
    }
  }

  /**
   * Whoever waited for what came takes and accepts it before more is read: the sender hears of it
   * a read earlier.
   */
  async #prepareToWait(far: Far): Promise<void> {
    if (this.#run.received - far.told >= this.#many) {
      for (let tick = 0; tick < TICKS; tick++) await undefined;
    }
    if (this.#run.accepted - far.told >= this.#many) this.#tell();
    far.reading = true;
  }

  /** Tells of many acceptances before the next read, of fewer when nothing else is to be done. */
  #accept(run: Run, number: number): void {
    run.accept(number);
    const far = this.#far;
    if (far === undefined) return;
    if (this.#run.accepted - far.told < this.#many) {
      this.#later ??= setImmediate(() => this.#tell());
    } else if (far.reading) this.#tell();
  }

  #tell(): void {
    this.#later = undefined;
    const far = this.#far;
    if (far === undefined || far.telling || far.told === this.#run.accepted) return;
    far.told = this.#run.accepted;
    far.telling = true;
    far.link.write(this.acceptFrame()).then(() => {
      far.telling = false;
      if (this.#run.accepted - far.told >= this.#many) this.#tell();
      else if (this.#run.accepted !== far.told) this.#later ??= setImmediate(() => this.#tell());
    }, () => far.link[Symbol.dispose]());
  }

  #take(frame: Frame): void {
    const run = this.#run;
    if (frame.type === FRAME.message) run.startAt(frame.number);
    if (frame.type !== FRAME.message || frame.number > run.received + 1) throw brokenRules(frame);
    if (frame.number <= run.received) return this.#inbox.countDuplicate();
    if (run.received - run.accepted >= this.#credits) throw brokenRules(frame);
    const { number } = frame;
    const accept = () => this.#accept(run, number);
    if (frame.body === undefined) this.#inbox.countCorrupt();
    else if (this.#inbox.offer(frame.body, accept)) return void (run.received = number);
    else if (!this.#isHopeless(number)) throw brokenRules(frame);
    run.received = number;
    accept();
  }

  /** Whether a damaged message is damaged at its source, as it came so often. */
  #isHopeless(number: number): boolean {
    const times = this.#damaged.number === number ? this.#damaged.times + 1 : 1;
    this.#damaged = { number, times };
    return times >= MAX_DAMAGED;
  }
}

/** What came from one sender, and what of it was accepted. */
class Run {
  readonly peerId: string;
  #acks = new CumulativeAck();
  #started = false;
  received = 0;

  constructor(peerId: string) {
    this.peerId = peerId;
  }

  /** A sender that was there before this receiver goes on with what is not accepted. */
  startAt(number: number): void {
    if (this.#started) return;
    this.#started = true;
    this.received = number - 1;
    this.#acks = new CumulativeAck(this.received);
  }

  /** The number through which all messages were accepted. */
  get accepted(): number {
    return this.#acks.through;
  }

  accept(number: number): void {
    this.#acks.accept(number);
  }
}

function brokenRules({ type, number }: Frame): TransportError {
  return new TransportError("format", `Cannot go on: unexpected frame ${type}, number ${number}`);
}
