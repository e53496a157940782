/**
 * The `tcp:` channel: flow control by credits, messages acknowledged when accepted and sent again
 * over a new connection. One sender and one receiver at a time.
 *
 * The sender numbers its messages; the receiver reports the number up to which it accepted all,
 * which is acknowledgement and credit in one. After a lost connection the receiver's hello says
 * what had come, so that nothing comes twice unless the receiver itself was
 * restarted.
 *
 * @module
 */
import type { ChannelSettings, Receiver, Sender } from "../types.ts";
import { TransportError } from "../../errors.ts";
import { CumulativeAck } from "../../flow/cumulative_ack.ts";
import { later } from "./later.ts";
import { type Meeting, type PeerRules, readPeerRules } from "../connections.ts";
import { Inbox, InboxReceiver } from "../inbox.ts";
import { newStreamId, NO_ID } from "../../message.ts";
import { Outbox, OutboxSender } from "../outbox.ts";
import { FRAME, type Frame, frameControl, frameMessage, HEADER_SIZE } from "./frames.ts";
import { ConnectionManager } from "./connection_manager.ts";
import type { Hello, Link, Role } from "./link.ts";

/** Damaged copies of one message before it is dropped: it was damaged at its source then. */
const MAX_DAMAGED = 3;

/** Microtasks within which a loop that waited for a message takes and accepts it. */
const TICKS = 8;

/** Opens the sending end. */
export function openTcpSender(url: URL, settings: ChannelSettings): Sender {
  return openPeerSender(url, readUrl(url, "sender", settings), settings);
}

/** Opens the receiving end. */
export function openTcpReceiver(url: URL, settings: ChannelSettings): Receiver {
  return openPeerReceiver(url, readUrl(url, "receiver", settings), settings);
}

/** Opens a sending end, however the ends meet. */
export function openPeerSender(
  url: URL,
  rules: PeerRules,
  settings: ChannelSettings,
  meeting: Meeting = {},
): Sender {
  const { credits } = rules;
  const outbox = new Outbox(credits, settings, true);
  const id = newStreamId();
  const manager = new ConnectionManager({
    ...{ url, rules, settings, meeting },
    hello: () => ({ role: "sender", id, peerId: NO_ID, received: 0, credits }),
    use: (link) => carry(link, id, outbox),
    refused: (error) => outbox.fail(error),
  });
  const carrier = { url: manager.url, outbox, headroom: HEADER_SIZE };
  return new OutboxSender({ ...carrier, stop: () => manager.stop() }, settings);
}

/** Opens a receiving end, however the ends meet. */
export function openPeerReceiver(
  url: URL,
  rules: PeerRules,
  settings: ChannelSettings,
  meeting: Meeting = {},
): Receiver {
  const inbox = new Inbox(settings.maxPayload);
  const about = writeCapabilities(settings.capabilities);
  const session = new Session(newStreamId(), rules.credits, inbox, about);
  const manager = new ConnectionManager({
    ...{ url, rules, settings, meeting },
    hello: () => session.hello(),
    use: (link) => session.feed(link),
    refused: (error) => inbox.fail(error),
    unreachable: (error) => inbox.fail(error),
  });
  const stop = () => manager.stop([session.acceptFrame()]);
  return new InboxReceiver({ url: manager.url, inbox, stop }, settings);
}

function readUrl(url: URL, role: Role, settings: ChannelSettings): PeerRules {
  const rules = readPeerRules(url, role === "receiver", settings);
  const { listen, hostname, access: { secret } } = rules;
  if (secret === "") throw new RangeError("Cannot open tcp: the secret is empty");
  if (listen && secret === undefined && !isLoopback(hostname)) {
    settings.notice?.(`tcp://${url.host} takes anybody who can reach it: no secret is set`);
  }
  return rules;
}

/** Whether only this machine reaches an address. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

/** Sends an outbox over one link. */
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
      if (frame.body?.length) outbox.peerCapabilities = readCapabilities(frame.body);
      outbox.acknowledgeThrough(frame.number);
    }
  } finally {
    stop.abort();
    outbox.disconnect();
    await writing;
  }
}

/** The link to the connected sender. */
interface SenderLink {
  readonly link: Link;
  /** The number up to which acceptances were reported to it. */
  reported: number;
  /** Whether a report is being written: one at a time, however slowly the sender reads. */
  reporting: boolean;
  /** Whether its next bytes are awaited. */
  reading: boolean;
}

/** The receiving end: its last sender, and what was reported to that. */
class Session {
  readonly #id: string;
  readonly #credits: number;
  readonly #inbox: Inbox;
  /** What this end can do: goes with the first report over each link. */
  readonly #about: Uint8Array<ArrayBuffer>;
  /** Acceptances that are reported at once: half of the credits. */
  readonly #batch: number;
  #sender = new SenderSession(NO_ID);
  #current: SenderLink | undefined;
  /** Set while a report of fewer acceptances is scheduled. */
  #isDue = false;
  #damaged = { number: 0, times: 0 };

  constructor(id: string, credits: number, inbox: Inbox, about: Uint8Array<ArrayBuffer>) {
    this.#about = about;
    this.#id = id;
    this.#credits = credits;
    this.#batch = Math.max(1, Math.floor(credits / 2));
    this.#inbox = inbox;
  }

  hello(): Hello {
    const { peerId, received } = this.#sender;
    return { role: "receiver", id: this.#id, peerId, received, credits: this.#credits };
  }

  /** The frame that reports what was accepted. */
  acceptFrame(about?: Uint8Array<ArrayBuffer>): Uint8Array {
    return frameControl(FRAME.accept, this.#sender.accepted, about);
  }

  /** Reads messages from one link until it closes. */
  async feed(link: Link): Promise<void> {
    this.#inbox.countConnection();
    if (link.peer.id !== this.#sender.peerId) {
      // Senders that come and go must not fill the memory: what the last one sent comes first.
      await this.#inbox.room(1, link.signal);
      this.#sender = new SenderSession(link.peer.id);
    }
    const current = this.#current = { link, reported: -1, reporting: false, reading: false };
    this.#report();
    try {
      for (;;) {
        const frame = await link.read(() => this.#prepareToWait(current));
        current.reading = false;
        if (frame === undefined) return;
        this.#take(frame);
      }
    } finally {
      this.#current = undefined;
    }
  }

  /**
   * Lets the caller take and accept what came before more is read: the sender learns of it one
   * read earlier.
   */
  async #prepareToWait(current: SenderLink): Promise<void> {
    if (this.#sender.received - current.reported >= this.#batch) {
      for (let tick = 0; tick < TICKS; tick++) await undefined;
    }
    if (this.#sender.accepted - current.reported >= this.#batch) this.#report();
    current.reading = true;
  }

  /** Reports many acceptances before the next read, fewer once the event loop is idle. */
  #accept(sender: SenderSession, number: number): void {
    sender.accept(number);
    const current = this.#current;
    if (current === undefined) return;
    if (this.#sender.accepted - current.reported < this.#batch) {
      this.#reportLater();
    } else if (current.reading) this.#report();
  }

  #reportLater(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    later(() => this.#report());
  }

  #report(): void {
    this.#isDue = false;
    const current = this.#current;
    if (current === undefined || current.reporting || current.reported === this.#sender.accepted) {
      return;
    }
    const about = current.reported < 0 ? this.#about : undefined;
    current.reported = this.#sender.accepted;
    current.reporting = true;
    current.link.write(this.acceptFrame(about)).then(() => {
      current.reporting = false;
      if (this.#sender.accepted - current.reported >= this.#batch) this.#report();
      else if (this.#sender.accepted !== current.reported) {
        this.#reportLater();
      }
    }, () => current.link[Symbol.dispose]());
  }

  #take(frame: Frame): void {
    const sender = this.#sender;
    if (frame.type === FRAME.message) sender.startAt(frame.number);
    if (frame.type !== FRAME.message || frame.number > sender.received + 1) {
      throw brokenRules(frame);
    }
    if (frame.number <= sender.received) return this.#inbox.countDuplicate();
    if (sender.received - sender.accepted >= this.#credits) throw brokenRules(frame);
    const { number } = frame;
    const accept = () => this.#accept(sender, number);
    if (frame.body === undefined) this.#inbox.countCorrupt();
    else if (this.#inbox.offer(frame.body, accept)) return void (sender.received = number);
    else if (!this.#isHopeless(number)) throw brokenRules(frame);
    sender.received = number;
    accept();
  }

  /** Whether a message came damaged so often that it is damaged at its source. */
  #isHopeless(number: number): boolean {
    const times = this.#damaged.number === number ? this.#damaged.times + 1 : 1;
    this.#damaged = { number, times };
    return times >= MAX_DAMAGED;
  }
}

/** The messages of one sender: how many came, and how many of them were accepted. */
class SenderSession {
  readonly peerId: string;
  #acks = new CumulativeAck();
  #started = false;
  received = 0;

  constructor(peerId: string) {
    this.peerId = peerId;
  }

  /** A sender older than this receiver continues with what is not accepted. */
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

/** Words that the body of a report takes. */
const MOST_CAPABILITIES = 16;
const CAPABILITY = /^[a-z0-9-]{1,15}$/;

/** The body of a receiver's first report. Senders of before read its number alone. */
function writeCapabilities(words: readonly string[] = []): Uint8Array<ArrayBuffer> {
  const odd = words.find((word) => !CAPABILITY.test(word));
  if (odd === undefined && words.length <= MOST_CAPABILITIES) {
    return new TextEncoder().encode(words.join(" "));
  }
  const found = odd === undefined ? `${words.length} words` : JSON.stringify(odd);
  throw new RangeError(
    `Cannot open a receiver: found ${found} in capabilities, expected up to ${MOST_CAPABILITIES} words of 1 to 15 letters, digits or hyphens`,
  );
}

/** The words of a report; what is none is not taken notice of. */
function readCapabilities(body: Uint8Array): string[] {
  return new TextDecoder().decode(body).split(" ").filter((word) => CAPABILITY.test(word));
}

function brokenRules({ type, number }: Frame): TransportError {
  return new TransportError("format", `Cannot go on: unexpected frame ${type}, number ${number}`);
}
