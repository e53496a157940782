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
import type { ChannelSettings, Receiver, Sender } from "../channel_types.ts";
import { Condition } from "../condition.ts";
import { TransportError } from "../errors.ts";
import { Inbox, InboxReceiver } from "../inbox.ts";
import { newStreamId, NO_ID } from "../message.ts";
import { Outbox, OutboxSender } from "../outbox.ts";
import { hostAndPort, UrlSettings } from "./settings.ts";
import { FRAME, type Frame, frameControl, frameMessage, HEADER_SIZE } from "./tcp_frames.ts";
import { Keeper } from "./tcp_keeper.ts";
import type { Hello, Link, Role } from "./tcp_link.ts";

/** Damaged arrivals of one message before it is left out: the damage is not the wire's then. */
const MAX_DAMAGED = 3;

/** Milliseconds that an acceptance waits for others, to be told with them. */
const TELL_AFTER = 1;

/** Opens the sending end. */
export function openTcpSender(url: URL, settings: ChannelSettings): Sender {
  const { credits, ...place } = readUrl(url, "sender", settings);
  const outbox = new Outbox(credits, settings.patience, true);
  const id = newStreamId();
  const keeper: Keeper = new Keeper({
    ...place,
    settings,
    hello: () => ({ role: "sender", id, peerId: NO_ID, received: 0, credits }),
    use: (link) => carry(link, id, outbox),
    refused: (error) => outbox.fail(error),
  });
  const carrier = { url: addressOf(url, keeper), outbox, headroom: HEADER_SIZE };
  return new OutboxSender({ ...carrier, stop: () => keeper.stop() }, settings);
}

/** Opens the receiving end. */
export function openTcpReceiver(url: URL, settings: ChannelSettings): Receiver {
  const { credits, ...place } = readUrl(url, "receiver", settings);
  const inbox = new Inbox(settings.maxPayload);
  const session = new Session(newStreamId(), credits, inbox);
  const keeper: Keeper = new Keeper({
    ...place,
    settings,
    hello: () => session.hello(),
    use: (link) => session.feed(link),
    refused: (error) => inbox.fail(error),
  });
  const stop = () => keeper.stop([session.acceptFrame()]);
  return new InboxReceiver({ url: addressOf(url, keeper), inbox, stop }, settings);
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

/** The URL for the far end, with the port that was chosen. */
function addressOf(url: URL, keeper: Keeper): string {
  const address = new URL(url);
  address.port = String(keeper.port);
  return address.href;
}

/** Carries an outbox over one link. */
async function carry(link: Link, id: string, outbox: Outbox): Promise<void> {
  const { peerId, received, credits } = link.peer;
  const there = peerId === id ? received : 0;
  outbox.unclaim((entry) => entry.number > there);
  outbox.connect();
  const stop = new AbortController();
  const signal = AbortSignal.any([link.signal, stop.signal]);
  const writing = (async () => {
    for (;;) {
      const entry = await outbox.claim(signal, credits);
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

/** What a receiver knows of the sender that it saw last. */
class Session {
  readonly #id: string;
  readonly #credits: number;
  readonly #inbox: Inbox;
  readonly #changed = new Condition();
  #run = new Run(NO_ID);
  #damaged = { number: 0, times: 0 };

  constructor(id: string, credits: number, inbox: Inbox) {
    this.#id = id;
    this.#credits = credits;
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
    const stop = new AbortController();
    const signal = AbortSignal.any([link.signal, stop.signal]);
    const telling = this.#tell(link, signal).catch(() => link[Symbol.dispose]());
    try {
      for (let frame = await link.read(); frame; frame = await link.read()) this.#take(frame);
    } finally {
      stop.abort();
      await telling;
    }
  }

  /** Tells at once when half of the credits are due, and single acceptances a little later. */
  async #tell(link: Link, signal: AbortSignal): Promise<void> {
    const many = Math.ceil(this.#credits / 2);
    for (let told = -1;;) {
      while (told === this.#run.accepted) await this.#changed.changed(signal);
      const deadline = performance.now() + TELL_AFTER;
      while (this.#run.accepted - told < many && performance.now() < deadline) {
        await this.#changed.changed(signal, deadline - performance.now());
      }
      told = this.#run.accepted;
      await link.write(this.acceptFrame());
    }
  }

  #take(frame: Frame): void {
    const run = this.#run;
    if (frame.type === FRAME.message) run.startAt(frame.number);
    if (frame.type !== FRAME.message || frame.number > run.received + 1) throw brokenRules(frame);
    if (frame.number <= run.received) return this.#inbox.countDuplicate();
    if (run.received - run.accepted >= this.#credits) throw brokenRules(frame);
    const accept = () => (run.accept(frame.number), this.#changed.notify());
    if (frame.body === undefined) this.#inbox.countCorrupt();
    else if (this.#inbox.offer(frame.body, accept)) return void (run.received = frame.number);
    else if (!this.#isHopeless(frame.number)) throw brokenRules(frame);
    run.received = frame.number;
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
  readonly #early = new Set<number>();
  #started = false;
  received = 0;
  accepted = 0;

  constructor(peerId: string) {
    this.peerId = peerId;
  }

  /** A sender that was there before this receiver goes on with what is not accepted. */
  startAt(number: number): void {
    if (this.#started) return;
    this.#started = true;
    this.received = this.accepted = number - 1;
  }

  /** Messages may be accepted in any order; told is the number up to which all are. */
  accept(number: number): void {
    this.#early.add(number);
    while (this.#early.delete(this.accepted + 1)) this.accepted++;
  }
}

function brokenRules({ type, number }: Frame): TransportError {
  return new TransportError("format", `Cannot go on: unexpected frame ${type}, number ${number}`);
}
