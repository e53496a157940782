/**
 * The connections of a ZeroMQ socket: it connects to one peer and reconnects when that is
 * lost, or it listens and accepts every peer of a fitting type.
 *
 * @module
 */
import type { ChannelSettings } from "../types.ts";
import { ignoreAbort } from "../../flow/abort.ts";
import { systemClock } from "../../flow/clock.ts";
import { attempts, Backoff } from "../../flow/retry.ts";
import { ENVELOPE_SIZE } from "../../message.ts";
import { hostAndPort, UrlSettings } from "../settings.ts";
import { type SocketType, type ZmtpConnection, zmtpHandshake, type ZmtpItem } from "./zmtp.ts";

/** The pauses between two attempts, in milliseconds. */
const BACKOFF = { initial: 10, max: 1000 };
/** Peers that a listener has at a time. */
const MAX_PEERS = 64;

/** What a socket is. */
export interface PeersOptions {
  readonly type: SocketType;
  readonly url: URL;
  readonly settings: ChannelSettings;
  /** Whether the socket listens where the URL says nothing. */
  readonly listens: boolean;
  /** Works on a connection until it is over; errors end the connection. */
  use(peer: ZmtpConnection, rules: PeerRules): Promise<void>;
}

/** What holds for every peer of a socket. */
export interface PeerRules {
  /** Messages that may be in flight to or from the peer. */
  readonly credits: number;
  /** Milliseconds of silence after which the peer is pinged; three times that closes the connection. */
  readonly heartbeat: number;
}

/** All peers of a socket. */
export class Peers {
  /** What holds for every peer. */
  readonly rules: PeerRules;
  readonly #options: PeersOptions;
  readonly #place: { hostname: string; port: number };
  readonly #abort = new AbortController();
  readonly #listener: Deno.Listener | undefined;
  readonly #current = new Set<Promise<void>>();
  readonly #running: Promise<void>;

  /** Starts at once. */
  constructor(options: PeersOptions) {
    this.#options = options;
    const read = new UrlSettings(options.url);
    this.rules = { credits: read.count("credits", 3), heartbeat: read.count("heartbeat", 5000) };
    const listen = read.flag("listen", options.listens);
    read.done();
    const { hostname, port } = hostAndPort(options.url);
    this.#place = { hostname: hostname === "*" ? "0.0.0.0" : hostname, port };
    this.#listener = listen ? Deno.listen(this.#place) : undefined;
    this.#running = this.#listener ? this.#acceptAll(this.#listener) : this.#connectAgain();
  }

  /** The URL for the peer, with the port that was chosen. */
  get url(): string {
    const url = new URL(this.#options.url);
    if (this.#listener) url.port = String((this.#listener.addr as Deno.NetAddr).port);
    return url.href;
  }

  /** Hangs up on all. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#listener?.close();
    await Promise.all(this.#current);
    await this.#running;
  }

  async #connectAgain(): Promise<void> {
    const { signal } = this.#abort;
    const backoff = new Backoff(BACKOFF);
    for await (const _ of attempts({ backoff, signal, clock: this.#options.settings.clock })) {
      const connected = await Deno.connect({ ...this.#place, signal }).catch(() => undefined);
      if (connected && await this.#serve(connected)) backoff.reset();
    }
  }

  async #acceptAll(listener: Deno.Listener): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const conn = await listener.accept().catch(() => undefined);
      if (!conn) await systemClock.sleep(1, signal).catch(ignoreAbort(signal));
      else if (this.#current.size >= MAX_PEERS) conn.close();
      else {
        const serving: Promise<void> = this.#serve(conn).then(() => {
          this.#current.delete(serving);
        });
        this.#current.add(serving);
      }
    }
  }

  /** Works on a connection until it is over; whether it came to anything. */
  async #serve(conn: Deno.Conn): Promise<boolean> {
    const { type, settings, use } = this.#options;
    const maxMessage = settings.maxPayload + ENVELOPE_SIZE;
    const { credits } = this.rules;
    let known = false;
    try {
      const options = { type, credits, maxMessage, signal: this.#abort.signal };
      using peer = await zmtpHandshake(conn, options);
      known = true;
      await use(peer, this.rules);
    } catch {
      // The peer is gone or broke the protocol.
    }
    return known;
  }
}

/**
 * Asks silent peers whether they are there, and hangs up on those that are not. A libzmq peer is
 * excused while it need not answer: it reads nothing while its queue is full. Ends of ours always
 * read, and each gives signs of life of its own, as an answer may wait behind a long message.
 *
 * Silence is counted in heartbeats, not by a clock: where this process itself was held up, what
 * the peer said meanwhile is still to be read.
 */
export function keepAlive(
  peer: ZmtpConnection,
  heartbeat: number,
  excused: () => boolean,
): Disposable {
  const isOurs = peer.credits !== undefined;
  let heard = 0;
  let silent = 0;
  const timer = setInterval(() => {
    silent = peer.heard > heard || (!isOurs && excused()) ? 0 : silent + 1;
    heard = peer.heard;
    if (silent > 3) return peer[Symbol.dispose]();
    if (isOurs || silent > 0) ping(peer).catch(() => {});
  }, heartbeat);
  if (!peer.knowsCommands) clearInterval(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** The context by which our own PINGs are known, before the count of messages. */
const CONTEXT = new TextEncoder().encode("VCS1");

/** Asks the peer to answer when it has taken so many messages; without a count, at once. */
export async function ping(peer: ZmtpConnection, count?: number): Promise<void> {
  if (!peer.knowsCommands) return;
  const body = new Uint8Array(2 + (count === undefined ? 0 : CONTEXT.length + 8));
  if (count !== undefined) {
    body.set(CONTEXT, 2);
    new DataView(body.buffer).setBigUint64(2 + CONTEXT.length, BigInt(count));
  }
  await peer.writeCommand("PING", body);
}

/** Answers a PING with its context. */
export function pong(peer: ZmtpConnection, context: Uint8Array): Promise<void> {
  return peer.writeCommand("PONG", context);
}

/** The context of a PING, and the count of messages where a sender of ours sent it. */
export function pingContext(item: ZmtpItem & { kind: "command" }): {
  context: Uint8Array;
  count: number | undefined;
} {
  const context = item.name === "PING" ? item.body.subarray(2) : item.body;
  const ours = context.length === CONTEXT.length + 8 &&
    CONTEXT.every((byte, i) => context[i] === byte);
  if (!ours) return { context, count: undefined };
  const view = new DataView(context.buffer, context.byteOffset);
  return { context, count: Number(view.getBigUint64(CONTEXT.length)) };
}
