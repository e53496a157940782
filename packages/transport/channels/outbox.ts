/**
 * What a sender holds between taking a message and its acknowledgement, inside this package. The
 * transports differ in how they carry an entry; the bound, the counters, the timeout and the end of
 * every wait are here.
 *
 * @module
 */
import type { ChannelSettings, Sender, SenderCounters } from "./types.ts";
import { onAbort, settledWithin } from "../flow/abort.ts";
import { LONGEST_TIMER, systemClock, unrefTimer } from "../flow/clock.ts";
import { splitCredentials } from "../io/credentials.ts";
import { Condition } from "../flow/condition.ts";
import { TransportError } from "../errors.ts";
import { encodeMessageInto, ENVELOPE_SIZE, type Message, NO_ID } from "../message.ts";

/** A message in flight. */
export interface Entry {
  /** Position in this sender's order, from 1. */
  readonly number: number;
  readonly message: Message;
  /** The message's bytes, with the requested headroom before them in their buffer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether a connection holds it now. */
  leased: boolean;
  /** How many times it was leased. */
  tries: number;
}

/** Milliseconds that closing waits for acknowledgements. */
const CLOSING = 1000;
/** Milliseconds in which an end that closes closes its connections. */
export const STOPPING = 1000;

/** Messages taken and not acknowledged, at most `limit` of them. */
export class Outbox {
  readonly #entries = new Map<number, Entry>();
  readonly #changed = new Condition();
  readonly #limit: number;
  readonly #timeout: number;
  readonly #reuse: boolean;
  readonly #spare: ArrayBuffer[] = [];
  #counts = {
    ...{ sent: 0, acknowledged: 0, unsent: 0, mostInFlight: 0 },
    ...{ resent: 0, dropped: 0, connections: 0 },
  };
  /** What the connected receiver can do. */
  peerCapabilities: readonly string[] = [];
  /** What the transport fails by now: the cause that is reported when the timeout ends. */
  trouble: { readonly code: "unreachable" | "broker"; readonly cause: unknown } | undefined;
  #failure: { reason: unknown } | undefined;
  #reported = false;
  #closing = false;
  #connected = 0;
  #alarm: { readonly at: number; readonly timer: ReturnType<typeof setTimeout> } | undefined;
  #disconnectedTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param reuse whether an acknowledged entry's bytes are not read again: the next message is then
   * written over them, which saves most of the time that sending takes
   */
  constructor(
    limit: number,
    { timeout }: Pick<ChannelSettings, "timeout">,
    reuse = false,
  ) {
    this.#limit = limit;
    this.#timeout = timeout;
    this.#reuse = reuse;
  }

  get counters(): SenderCounters {
    return { ...this.#counts, inFlight: this.#entries.size };
  }

  get sent(): number {
    return this.#counts.sent;
  }

  /** Adds a message, waiting for room; gives up as {@linkcode flush} does. */
  async enqueue(
    message: Message,
    bytes: Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<void> {
    const stillWaits = this.#timeoutCheck();
    while (this.#entries.size >= this.#limit && !this.#failure && !this.#closing) {
      stillWaits();
      await this.#changed.changed(signal);
    }
    signal?.throwIfAborted();
    this.#check();
    if (this.#closing) throw closed();
    const number = ++this.#counts.sent;
    this.#entries.set(number, { number, message, bytes, leased: false, tries: 0 });
    this.#counts.mostInFlight = Math.max(this.#counts.mostInFlight, this.#entries.size);
    this.#watchDisconnected();
    this.#changed.notify();
  }

  /**
   * Leases the first entry that no connection holds; waits for one, and until fewer than `most` are
   * leased.
   */
  async lease(signal: AbortSignal, most = Infinity): Promise<Entry> {
    for (;;) {
      signal.throwIfAborted();
      const entry = this.#tryLease(most);
      if (entry) return entry;
      await this.#changed.changed(signal);
    }
  }

  #tryLease(most: number): Entry | undefined {
    let leased = 0;
    for (const entry of this.#entries.values()) {
      if (entry.leased) {
        if (++leased >= most) return undefined;
        continue;
      }
      entry.leased = true;
      if (entry.tries++ > 0) this.#counts.resent++;
      return entry;
    }
    return undefined;
  }

  /** Ends the lease of some entries, so that they are leased again. */
  release(which: (entry: Entry) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (entry.leased && which(entry)) entry.leased = false;
    }
    this.#changed.notify();
  }

  /** An entry was acknowledged. */
  acknowledge(number: number): void {
    const entry = this.#entries.get(number);
    if (!entry) return;
    this.#entries.delete(number);
    if (this.#reuse && this.#spare.length < this.#limit) this.#spare.push(entry.bytes.buffer);
    this.#counts.acknowledged++;
    this.trouble = undefined;
    this.#changed.notify();
  }

  /** A buffer of exactly `size` bytes that an earlier message no longer needs. */
  spareBuffer(size: number): ArrayBuffer | undefined {
    const spare = this.#spare.pop();
    return spare?.byteLength === size ? spare : undefined;
  }

  /** All entries up to a number were acknowledged. */
  acknowledgeThrough(number: number): void {
    for (const known of this.#entries.keys()) {
      if (known > number) break;
      this.acknowledge(known);
    }
  }

  /** A copy of an entry was dropped for one of several receivers. */
  countDrop(): void {
    this.#counts.dropped++;
  }

  /** An entry was dropped, as nobody wants it: it does not count as acknowledged. */
  drop(number: number): void {
    if (!this.#entries.delete(number)) return;
    this.#counts.dropped++;
    this.#changed.notify();
  }

  /** A connection to a peer was made. */
  connect(): void {
    this.#connected++;
    this.#counts.connections++;
    clearTimeout(this.#disconnectedTimer);
    this.#disconnectedTimer = undefined;
    this.#changed.notify();
  }

  /** A connection to a peer was lost. */
  disconnect(): void {
    this.#connected--;
    this.peerCapabilities = [];
    this.#watchDisconnected();
    this.#changed.notify();
  }

  /** Waits until nothing is in flight; gives up once nothing was acknowledged for the timeout. */
  async flush(): Promise<void> {
    const stillWaits = this.#timeoutCheck();
    while (this.#entries.size > 0 && !this.#failure) {
      stillWaits();
      await this.#changed.changed();
    }
    this.#check();
  }

  /** To be called before each wait: throws once no message was done with for the timeout. */
  #timeoutCheck(): () => void {
    let settled = -1;
    let deadline = 0;
    return () => {
      const now = systemClock.now();
      if (settled !== this.#settled) [settled, deadline] = [this.#settled, now + this.#timeout];
      if (now < deadline) return this.#wakeAt(deadline, now);
      this.#reported = true;
      throw this.#unreachable("did not acknowledge");
    };
  }

  /**
   * Lets those who wait look again at their deadline. One timer serves all waits, and outlives
   * them: a timer for each would halve the speed of small messages.
   */
  #wakeAt(deadline: number, now: number): void {
    if (deadline === Infinity || (this.#alarm && this.#alarm.at <= deadline)) return;
    clearTimeout(this.#alarm?.timer);
    const ring = () => {
      this.#alarm = undefined;
      this.#changed.notify();
    };
    const timer = setTimeout(ring, Math.min(deadline - now, LONGEST_TIMER));
    unrefTimer(timer);
    this.#alarm = { at: deadline, timer };
  }

  /** Messages that were acknowledged or dropped. */
  get #settled(): number {
    return this.#counts.acknowledged + this.#counts.dropped;
  }

  /** Accepts no more messages. */
  close(): void {
    this.#closing = true;
    clearTimeout(this.#disconnectedTimer);
    clearTimeout(this.#alarm?.timer);
    this.#changed.notify();
  }

  /** Every call from now on throws the reason. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#counts.unsent += this.#entries.size;
    this.#entries.clear();
    this.close();
  }

  /** Whether the caller knows that messages were not delivered: closing need not report it again. */
  get reported(): boolean {
    return this.#reported;
  }

  #check(): void {
    if (!this.#failure) return;
    this.#reported = true;
    throw this.#failure.reason;
  }

  /** Fails the sender once messages have waited for the whole timeout without a connection. */
  #watchDisconnected(): void {
    if (this.#connected > 0 || this.#entries.size === 0 || this.#disconnectedTimer !== undefined) {
      return;
    }
    if (this.#closing || this.#timeout > LONGEST_TIMER) return;
    this.#disconnectedTimer = setTimeout(
      () => this.fail(this.#unreachable("was not connected")),
      this.#timeout,
    );
    unrefTimer(this.#disconnectedTimer);
  }

  #unreachable(what: string): TransportError {
    const { code = "unreachable", cause } = this.trouble ?? {};
    return new TransportError(
      code,
      `Cannot send: the peer ${what} for ${this.#timeout} ms, ` +
        `${this.#entries.size} messages are unacknowledged${cause ? `: ${cause}` : ""}`,
      { cause },
    );
  }
}

/** The key by which a broker drops a message that was sent twice. */
export function messageKey({ number, message }: Entry, run: string): string {
  const { streamId, sequence } = message;
  return streamId === NO_ID ? `${run}-${number}` : `${streamId}-${sequence}`;
}

/** What sends the messages of an outbox. */
export interface Carrier {
  readonly url: string;
  readonly outbox: Outbox;
  /** Bytes that the carrier needs before each message. */
  readonly headroom?: number;
  /** Stops sending and releases every resource; called once, must not throw. */
  stop(): Promise<void>;
}

/** A sender made of an outbox and its carrier. */
export class OutboxSender implements Sender {
  readonly url: string;
  readonly writable: WritableStream<Message>;
  readonly #carrier: Carrier;
  readonly #settings: ChannelSettings;
  #aborting: Disposable | undefined;
  #closed: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(carrier: Carrier, settings: ChannelSettings) {
    this.url = splitCredentials(carrier.url).url.href;
    this.#carrier = carrier;
    this.#settings = settings;
    this.writable = new WritableStream({
      // Frees a write that waits for room, for which `abort` would wait.
      start: ({ signal }) => void onAbort(signal, () => void this.#stop(signal.reason)),
      write: (message) => this.send(message),
      close: () => this[Symbol.asyncDispose](),
      abort: (reason) => this.#stop(reason),
    });
    const { signal } = settings;
    this.#aborting = onAbort(signal, () => void this.#stop(signal?.reason));
  }

  get counters(): SenderCounters {
    return this.#carrier.outbox.counters;
  }

  get peerCapabilities(): readonly string[] {
    return this.#carrier.outbox.peerCapabilities;
  }

  async send(message: Message, options: { signal?: AbortSignal } = {}): Promise<void> {
    const { maxPayload } = this.#settings;
    if (message.payload.length > maxPayload) {
      throw new TransportError(
        "limit",
        `Cannot send a message: its payload has ${message.payload.length} bytes, at most ` +
          `${maxPayload} are allowed`,
      );
    }
    const { outbox, headroom = 0 } = this.#carrier;
    const length = ENVELOPE_SIZE + message.payload.length;
    const buffer = outbox.spareBuffer(headroom + length) ?? new ArrayBuffer(headroom + length);
    const bytes = new Uint8Array(buffer, headroom, length);
    encodeMessageInto(message, bytes);
    await outbox.enqueue(message, bytes, options.signal);
  }

  flush(): Promise<void> {
    return this.#carrier.outbox.flush();
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#closed && !this.#carrier.outbox.reported) await this.flush();
    } finally {
      await this.close();
    }
  }

  async #close(): Promise<void> {
    const { outbox } = this.#carrier;
    const late = closed();
    const timer = setTimeout(() => outbox.fail(late), CLOSING);
    try {
      if (!outbox.reported) await outbox.flush();
    } catch (error) {
      // What is left is counted as unsent; whoever wants to wait for it calls flush().
      if (error !== late) throw error;
    } finally {
      clearTimeout(timer);
      await this.#stop(late);
    }
  }

  #stop(reason: unknown): Promise<void> {
    this.#aborting?.[Symbol.dispose]();
    this.#carrier.outbox.fail(reason);
    return this.#stopped ??= settledWithin(STOPPING, this.#carrier.stop());
  }
}

/** The error of calls on a closed sender or receiver. */
export function closed(): TransportError {
  return new TransportError("closed", "Cannot use the channel: it is closed");
}
