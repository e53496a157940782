/**
 * Channels between machines: a sender and a receiver of messages, each opened by URL, with the
 * same manners whatever lies between them. At most a few messages are on their way at a time,
 * and a message is accepted only when the receiver is done with it; what each channel may lose
 * when an end or the broker is killed is told by {@linkcode DELIVERY}.
 *
 * | URL | sender | receiver |
 * |---|---|---|
 * | `file:out/?format=safetensors` | one file a message | reads them in numeric order |
 * | `tcp://host:7000` | connects | listens (`?listen=true` or `false` turns it round) |
 * | `zmq+push://host:7000`, `zmq+pull://*:7000` | ZeroMQ PUSH, connects | PULL, listens |
 * | `zmq+pub://*:7000`, `zmq+sub://host:7000` | ZeroMQ PUB, listens | SUB, connects |
 * | `redis://host:6379/0?stream=vcs` | Redis Streams | consumer group |
 * | `amqp://host:5672/?queue=vcs` | RabbitMQ with confirms | manual acknowledgement |
 * | `nats://host:4222?stream=vcs` | NATS JetStream | durable pull consumer |
 *
 * @example From one end to the other
 * ```ts
 * import { openReceiver, openSender } from "@vcs/transport/channel";
 * import { message } from "@vcs/transport/message";
 * import assert from "node:assert/strict";
 *
 * await using receiver = await openReceiver("tcp://127.0.0.1:0");
 * await using sender = await openSender(receiver.url);
 * const done = (async () => {
 *   await sender.send(message(new Uint8Array([1]), { sequence: 0 }));
 *   await sender.send(message(new Uint8Array([2]), { sequence: 1, end: true }));
 * })();
 * const payloads = [];
 * for await (const { payload } of receiver) payloads.push(...payload);
 * await done;
 * assert.deepEqual(payloads, [1, 2]);
 * ```
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import type { Message } from "./message.ts";
import { MAX_PAYLOAD } from "./message.ts";

/** What a sender has done so far. */
export interface SenderCounters {
  /** Messages taken from the caller. */
  readonly sent: number;
  /** Messages that the channel's acknowledgement came for. */
  readonly acknowledged: number;
  /** Messages taken and not acknowledged, now; all of them are held in memory. */
  readonly inFlight: number;
  /** The most messages that were ever in flight. */
  readonly mostInFlight: number;
  /** Messages put on their way again, after a lost connection or a refusal by a full broker. */
  readonly resent: number;
  /** Messages that a lossy channel left out because a receiver did not keep up. */
  readonly dropped: number;
  /** Connections made. */
  readonly connections: number;
}

/** What a receiver has done so far. */
export interface ReceiverCounters {
  /** Messages that came in whole, repeated ones not counted. */
  readonly received: number;
  /** Messages that the caller was done with. */
  readonly accepted: number;
  /** Messages that came again over the same connection or session and were left out. */
  readonly duplicates: number;
  /** Messages that were left out because they were damaged or too long. */
  readonly corrupt: number;
  /** Sequence numbers of a stream that were skipped between two messages seen here. */
  readonly gaps: number;
  /** Connections made. */
  readonly connections: number;
}

/** The end that messages are put into. */
export interface Sender extends AsyncDisposable {
  /** The URL, with the port that was chosen where the sender listens on port 0. */
  readonly url: string;
  /** What was done so far. */
  readonly counters: SenderCounters;
  /** The sender as the end of a pipeline; closing it closes the sender. */
  readonly writable: WritableStream<Message>;
  /**
   * Hands a message over, waiting while as many are in flight as the channel allows.
   *
   * @throws {TransportError} `limit` where the payload is longer than allowed, `unreachable`,
   * `refused`, `broker` or `closed`.
   */
  send(message: Message, options?: { signal?: AbortSignal }): Promise<void>;
  /**
   * Waits until every message is acknowledged.
   *
   * @throws {TransportError} `unreachable` where no acknowledgement comes for as long as the
   * channel's patience.
   */
  flush(): Promise<void>;
  /** Flushes and lets go of the connection; a failure that was thrown before is not repeated. */
  close(): Promise<void>;
}

/** A message and the way to say that it is done with. */
export interface Delivery {
  /** The message. */
  readonly message: Message;
  /** Accepts the message: from now on the channel does not deliver it again. */
  accept(): Promise<void>;
}

/**
 * The end that messages come out of. Iterating (or reading {@linkcode Receiver.readable})
 * accepts each message when the next is asked for, and ends after one with the flag `end`;
 * leaving a loop by `break` or an error does not accept the message at hand.
 */
export interface Receiver extends AsyncDisposable, AsyncIterable<Message> {
  /** The URL, with the port that was chosen where the receiver listens on port 0. */
  readonly url: string;
  /** What was done so far. */
  readonly counters: ReceiverCounters;
  /** The receiver as the start of a pipeline. */
  readonly readable: ReadableStream<Message>;
  /**
   * The next message, to be accepted when it is done with; undefined where the receiver was
   * closed. More come before the first is accepted, up to the channel's limit.
   */
  receive(options?: { signal?: AbortSignal }): Promise<Delivery | undefined>;
  /** Lets go of the connection; what was not accepted will be delivered again. */
  close(): Promise<void>;
}

/** What holds for every channel and does not belong into a URL. */
export interface ChannelOptions {
  /** Closes the channel at once when aborted; calls that wait throw its reason. */
  readonly signal?: AbortSignal;
  /** The longest payload to send or accept, in bytes; 64 MiB where not given. */
  readonly maxPayload?: number;
  /**
   * Milliseconds that a far end or broker may be out of reach before waiting calls give up;
   * 30,000 where not given, Infinity for never.
   */
  readonly patience?: number;
  /** A secret that both ends of a `tcp:` channel must know. */
  readonly secret?: string;
  /** TLS for a `tcp:` channel, in PEM: a listener needs `cert` and `key`. */
  readonly tls?: {
    /** The listener's certificate chain. */
    readonly cert?: string;
    /** The listener's private key. */
    readonly key?: string;
    /** Authorities that a connecting end trusts besides the system's. */
    readonly caCerts?: readonly string[];
  };
}

/** Options with nothing left open, as the channels get them. */
export interface ChannelSettings extends ChannelOptions {
  /** Never undefined here. */
  readonly maxPayload: number;
  /** Never undefined here. */
  readonly patience: number;
}

type Open<End> = (url: URL, settings: ChannelSettings) => Promise<End>;

/** One file for each channel, loaded when it is asked for. */
const SENDERS: Record<string, () => Promise<Open<Sender>>> = {
  "file:": async () => (await import("./channels/file.ts")).openFileSender,
  "tcp:": async () => (await import("./channels/tcp.ts")).openTcpSender,
  "zmq+push:": async () => (await import("./channels/zmq_push.ts")).openPush,
  "zmq+pub:": async () => (await import("./channels/zmq_pub.ts")).openPub,
  "redis:": async () => (await import("./channels/redis.ts")).openRedisSender,
  "amqp:": async () => (await import("./channels/amqp.ts")).openAmqpSender,
  "nats:": async () => (await import("./channels/nats.ts")).openNatsSender,
};

const RECEIVERS: Record<string, () => Promise<Open<Receiver>>> = {
  "file:": async () => (await import("./channels/file.ts")).openFileReceiver,
  "tcp:": async () => (await import("./channels/tcp.ts")).openTcpReceiver,
  "zmq+pull:": async () => (await import("./channels/zmq_push.ts")).openPull,
  "zmq+sub:": async () => (await import("./channels/zmq_pub.ts")).openSub,
  "redis:": async () => (await import("./channels/redis.ts")).openRedisReceiver,
  "amqp:": async () => (await import("./channels/amqp.ts")).openAmqpReceiver,
  "nats:": async () => (await import("./channels/nats.ts")).openNatsReceiver,
};

/**
 * Opens a sender. It is ready at once: messages wait for the far end or the broker.
 *
 * @throws {RangeError} where the URL names no channel or has parameters that it does not know.
 */
export function openSender(url: string | URL, options: ChannelOptions = {}): Promise<Sender> {
  return open("a sender", SENDERS, url, options);
}

/**
 * Opens a receiver.
 *
 * @throws {RangeError} where the URL names no channel or has parameters that it does not know.
 */
export function openReceiver(url: string | URL, options: ChannelOptions = {}): Promise<Receiver> {
  return open("a receiver", RECEIVERS, url, options);
}

async function open<End>(
  what: string,
  channels: Record<string, () => Promise<Open<End>>>,
  url: string | URL,
  options: ChannelOptions,
): Promise<End> {
  const base = pathToFileURL(`${Deno.cwd()}/`);
  if (!URL.canParse(url, base)) throw new RangeError(`Cannot open ${what}: "${url}" is no URL`);
  const parsed = new URL(url, base);
  const load = Object.hasOwn(channels, parsed.protocol) ? channels[parsed.protocol] : undefined;
  if (!load) {
    throw new RangeError(
      `Cannot open ${what}: found ${parsed.protocol}, known are ${Object.keys(channels).join(" ")}`,
    );
  }
  const settings = { maxPayload: MAX_PAYLOAD, patience: 30_000, ...options };
  settings.signal?.throwIfAborted();
  return await (await load())(parsed, settings);
}
