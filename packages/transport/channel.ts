/**
 * Channels between machines: a sender and a receiver of messages, each opened by URL, with the
 * same guarantees whatever connects them. At most a few messages are in flight at a time, and a
 * message is accepted only once the receiver has processed it; {@linkcode DELIVERY} says what each
 * channel may lose when an end or the broker is killed.
 *
 * | URL | sender | receiver |
 * |---|---|---|
 * | `file:out/?format=safetensors` | one file a message | reads them in numeric order |
 * | `s3://bucket/prefix` | one object a message | reads them in numeric order |
 * | `tcp://host:7000` | connects | listens (`?listen=true` or `false` reverses it) |
 * | `ws://host:7000/path` | connects, from browsers too | listens (`?listen=true` or `false` reverses it) |
 * | `zmq+push://host:7000`, `zmq+pull://*:7000` | ZeroMQ PUSH, connects | PULL, listens |
 * | `zmq+pub://*:7000`, `zmq+sub://host:7000` | ZeroMQ PUB, listens | SUB, connects |
 * | `redis://host:6379/0?stream=vcs` | Redis Streams | consumer group |
 * | `amqp://host:5672/?queue=vcs` | RabbitMQ with confirms | manual acknowledgement |
 * | `nats://host:4222?stream=vcs` | NATS JetStream | durable pull consumer |
 * | `kafka://host:9092?topic=vcs` | Kafka, all replicas | consumer group |
 *
 * `rediss:`, `amqps:`, and `tls=true` for `nats:`, `kafka:` and `tcp:`, speak TLS. The address of a cluster
 * names its servers: `nats://a:4222,b:4222,c:4222?copies=3`.
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
import { withOneHost } from "./channels/reach/servers.ts";
import { withDefaults } from "./channels/settings.ts";
import { builtin } from "./io/builtin.ts";
import type {
  Backlog,
  ChannelOptions,
  ChannelSettings,
  Receiver,
  Sender,
} from "./channels/types.ts";
import { say } from "./command/terminal.ts";
import { shownText } from "./io/credentials.ts";
import { TransportError } from "./errors.ts";

export type {
  Backlog,
  ChannelOptions,
  Delivery,
  Receiver,
  ReceiverCounters,
  Sender,
  SenderCounters,
} from "./channels/types.ts";

export { type MemoryChannel, memoryChannel } from "./channels/memory.ts";

type Open<End> = (url: URL, settings: ChannelSettings) => End | Promise<End>;

/** One file for each channel, loaded when it is needed. */
const SENDERS: Record<string, () => Promise<Open<Sender>>> = {
  "file:": async () => (await import("./channels/file.ts")).openFileSender,
  "tcp:": async () => (await import("./channels/tcp/tcp.ts")).openTcpSender,
  "ws:": async () => (await import("./channels/ws/listen.ts")).openWsSender,
  "wss:": async () => (await import("./channels/ws/listen.ts")).openWsSender,
  "zmq+push:": async () => (await import("./channels/zmq/push.ts")).openPush,
  "zmq+pub:": async () => (await import("./channels/zmq/pub.ts")).openPub,
  "redis:": async () => (await import("./channels/redis.ts")).redis.openSender,
  "rediss:": async () => (await import("./channels/redis.ts")).redis.openSender,
  "amqp:": async () => (await import("./channels/amqp.ts")).amqp.openSender,
  "amqps:": async () => (await import("./channels/amqp.ts")).amqp.openSender,
  "nats:": async () => (await import("./channels/nats/nats.ts")).nats.openSender,
  "kafka:": async () => (await import("./channels/kafka/kafka.ts")).kafka.openSender,
  "s3:": async () => (await import("./channels/s3.ts")).s3.openSender,
};

const RECEIVERS: Record<string, () => Promise<Open<Receiver>>> = {
  "file:": async () => (await import("./channels/file.ts")).openFileReceiver,
  "tcp:": async () => (await import("./channels/tcp/tcp.ts")).openTcpReceiver,
  "ws:": async () => (await import("./channels/ws/listen.ts")).openWsReceiver,
  "wss:": async () => (await import("./channels/ws/listen.ts")).openWsReceiver,
  "zmq+pull:": async () => (await import("./channels/zmq/push.ts")).openPull,
  "zmq+sub:": async () => (await import("./channels/zmq/pub.ts")).openSub,
  "redis:": async () => (await import("./channels/redis.ts")).redis.openReceiver,
  "rediss:": async () => (await import("./channels/redis.ts")).redis.openReceiver,
  "amqp:": async () => (await import("./channels/amqp.ts")).amqp.openReceiver,
  "amqps:": async () => (await import("./channels/amqp.ts")).amqp.openReceiver,
  "nats:": async () => (await import("./channels/nats/nats.ts")).nats.openReceiver,
  "kafka:": async () => (await import("./channels/kafka/kafka.ts")).kafka.openReceiver,
  "s3:": async () => (await import("./channels/s3.ts")).s3.openReceiver,
};

const BACKLOGS: Record<string, () => Promise<Open<Backlog>>> = {
  "file:": async () => (await import("./channels/file.ts")).lookAtFolder,
  "redis:": async () => (await import("./channels/redis.ts")).redis.look,
  "rediss:": async () => (await import("./channels/redis.ts")).redis.look,
  "amqp:": async () => (await import("./channels/amqp.ts")).amqp.look,
  "amqps:": async () => (await import("./channels/amqp.ts")).amqp.look,
  "nats:": async () => (await import("./channels/nats/nats.ts")).nats.look,
  "kafka:": async () => (await import("./channels/kafka/kafka.ts")).kafka.look,
  "s3:": async () => (await import("./channels/s3.ts")).s3.look,
};

/** Whether a text is the URL of a channel; `file:` is both a channel's scheme and a file's. */
export function isChannel(text: string): boolean {
  const scheme = /^[a-z+]+:/i.exec(text)?.[0].toLowerCase() ?? "";
  return Object.hasOwn(SENDERS, scheme) || Object.hasOwn(RECEIVERS, scheme);
}

/**
 * Opens a sender. It is ready at once: messages wait for the peer or the broker.
 *
 * @throws {RangeError} where the URL's scheme is not a channel's or a parameter is unknown or wrong.
 */
export function openSender(url: string | URL, options: ChannelOptions = {}): Promise<Sender> {
  return open("a sender", SENDERS, url, options);
}

/**
 * Opens a receiver.
 *
 * @throws {RangeError} where the URL's scheme is not a channel's or a parameter is unknown or wrong.
 */
export function openReceiver(url: string | URL, options: ChannelOptions = {}): Promise<Receiver> {
  return open("a receiver", RECEIVERS, url, options);
}

/**
 * What is at the broker, in the bucket or in the folder of a channel. Nothing is created there and
 * nothing taken; who is not there is not waited for.
 *
 * @throws {RangeError} where the URL's scheme is not one of these or a parameter is unknown or wrong.
 * @throws {TransportError} `refused` or `broker` in the broker's words.
 */
export async function backlogOf(
  url: string | URL,
  options: ChannelOptions = {},
): Promise<Backlog> {
  try {
    return await open("a backlog", BACKLOGS, url, options);
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof TransportError) throw cause;
    const found = cause instanceof Error && cause.message ? cause.message : cause;
    const text = `Cannot tell what waits at ${shownText(url)}: ${found}`;
    throw new TransportError("broker", text, { cause });
  }
}

/** The same line is told only once. */
function once(notice: (line: string) => void): (line: string) => void {
  const told = new Set<string>();
  return (line) => {
    if (told.has(line)) return;
    told.add(line);
    notice(line);
  };
}

async function open<End>(
  what: string,
  channels: Record<string, () => Promise<Open<End>>>,
  url: string | URL,
  options: ChannelOptions,
): Promise<End> {
  const base = builtin("node:url").pathToFileURL(`${Deno.cwd()}/`);
  const address = withOneHost(String(url));
  if (!URL.canParse(address, base)) {
    throw new RangeError(`Cannot open ${what}: "${shownText(url)}" is not a URL`);
  }
  const parsed = new URL(address, base);
  const load = Object.hasOwn(channels, parsed.protocol) ? channels[parsed.protocol] : undefined;
  if (!load) {
    throw new RangeError(
      `Cannot open ${what}: found ${parsed.protocol}, expected one of ${
        Object.keys(channels).join(" ")
      }`,
    );
  }
  const settings = { ...withDefaults(options), notice: once(options.notice ?? say) };
  settings.signal?.throwIfAborted();
  const openEnd = await load();
  settings.signal?.throwIfAborted();
  return await openEnd(parsed, settings);
}
