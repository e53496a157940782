/**
 * The connections of a ZeroMQ socket: to one peer, or from every peer of a fitting type; and the
 * signs of life on them.
 *
 * @module
 */
import type { ChannelSettings } from "../types.ts";
import { Connections, type PeerRules } from "../connections.ts";
import { TransportError } from "../../errors.ts";
import { ENVELOPE_SIZE } from "../../message.ts";
import { type SocketType, type ZmtpConnection, zmtpHandshake, type ZmtpItem } from "./zmtp.ts";

/** Peers that a listener has at a time. */
const MAX_PEERS = 64;

/** What a socket is. */
export interface PeersOptions {
  readonly type: SocketType;
  readonly url: URL;
  readonly settings: ChannelSettings;
  readonly rules: PeerRules;
  /** Told once that the peer to connect to was away for the whole timeout. */
  unreachable?(error: TransportError): void;
  /** Works on a connection until it is over; errors end the connection. */
  use(peer: ZmtpConnection): Promise<void>;
}

/** Opens the connections of a socket; starts at once. */
export function openPeers(
  { type, url, settings, rules, use, unreachable }: PeersOptions,
): Connections {
  const { maxPayload, clock, timeout, notice } = settings;
  const options = { type, credits: rules.credits, maxMessage: maxPayload + ENVELOPE_SIZE };
  return new Connections({
    ...{ url, rules, clock, timeout, mostPeers: MAX_PEERS },
    ...(unreachable && { unreachable }),
    ...(notice && { notice }),
    async serve(guest, signal) {
      let known = false;
      // ZeroMQ's handshake proves nothing: who is a peer answers a PING, or says something else.
      const heard = () => {
        if (!known) guest.speak();
        else if (!guest.admit()) throw new TransportError("refused", "Too many peers");
      };
      try {
        using peer = await zmtpHandshake(guest.conn, { ...options, signal, heard });
        known = true;
        await ping(peer);
        await use(peer);
      } catch (error) {
        // The peer is gone or broke the protocol.
        guest.fail(error);
      }
      return known;
    },
  });
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
