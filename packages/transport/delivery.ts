/**
 * What each channel promises: what an acknowledgement means, what is lost when something is
 * killed, and how many messages are in flight at most. The conformance suite checks every channel
 * against its row, killing real processes and brokers.
 *
 * @example
 * ```ts
 * import { DELIVERY, keeps } from "@vcs/transport/delivery";
 * import assert from "node:assert/strict";
 *
 * assert.equal(keeps("tcp", "receiverKilled"), true);
 * assert.equal(keeps("zmq-pub", "slowReceiver"), false);
 * assert.equal(DELIVERY.tcp.inFlight(3), 3);
 * ```
 *
 * @module
 */

/** Name of a channel. */
export type ChannelName =
  | "file"
  | "tcp"
  | "ws"
  | "zmq-push"
  | "zmq-pub"
  | "redis"
  | "amqp"
  | "nats"
  | "kafka"
  | "s3";

/** What may go wrong. */
export type Fault =
  | "receiverKilled"
  | "senderKilled"
  | "brokerKilled"
  /** One server of a cluster is killed, and another takes over. */
  | "serverKilled"
  | "slowReceiver"
  /** The queue, stream or folder is deleted, evicted or expires, behind both ends. */
  | "placeDeleted"
  /** Messages are trimmed, purged or expire there. */
  | "trimmed"
  /** The group or the consumer is deleted. */
  | "consumerDeleted";

/** What is lost: nothing, or what the words say. */
export type Loss = "nothing" | `nothing, ${string}` | `may lose ${string}` | "no broker";

/** A channel's promise. */
export interface DeliveryPromise {
  /** What holds when the sender counts a message as acknowledged. */
  readonly acknowledged: string;
  /** Acknowledged or waiting messages that are lost, by what went wrong. */
  readonly loses: Readonly<Record<Fault, Loss>>;
  /** Which receiver gets a message where several are open. */
  readonly receivers: "one at a time" | "share the work" | "a copy each";
  /**
   * Messages sent and not accepted, at most: of `limit` (or `credits`) and of `receivers` that
   * share the work.
   */
  inFlight(limit: number, receivers?: number): number;
}

/** Every channel's promise. */
export const DELIVERY: Readonly<Record<ChannelName, DeliveryPromise>> = {
  file: {
    acknowledged: "the file is on the disk under its name (fsync, rename, fsync of the folder)",
    loses: {
      receiverKilled: "nothing",
      senderKilled: "nothing",
      brokerKilled: "no broker",
      serverKilled: "no broker",
      slowReceiver: "nothing",
      placeDeleted: "may lose the files that were deleted, nothing sent later",
      trimmed: "may lose these, nothing sent later",
      consumerDeleted: "no broker",
    },
    receivers: "one at a time",
    inFlight: (limit) => limit + 1,
  },
  tcp: {
    acknowledged: "the receiver accepted the message",
    loses: {
      receiverKilled: "nothing",
      senderKilled: "nothing",
      brokerKilled: "no broker",
      serverKilled: "no broker",
      slowReceiver: "nothing",
      placeDeleted: "no broker",
      trimmed: "no broker",
      consumerDeleted: "no broker",
    },
    receivers: "one at a time",
    inFlight: (limit) => limit,
  },
  ws: {
    acknowledged: "the receiver accepted the message",
    loses: {
      receiverKilled: "nothing",
      senderKilled: "nothing",
      brokerKilled: "no broker",
      serverKilled: "no broker",
      slowReceiver: "nothing",
      placeDeleted: "no broker",
      trimmed: "no broker",
      consumerDeleted: "no broker",
    },
    receivers: "one at a time",
    inFlight: (limit) => limit,
  },
  "zmq-push": {
    acknowledged: "the receiver accepted the message; a libzmq peer: it is in the peer's queue",
    loses: {
      receiverKilled: "nothing, but what the queue of a libzmq peer held",
      senderKilled: "nothing",
      brokerKilled: "no broker",
      serverKilled: "no broker",
      slowReceiver: "nothing",
      placeDeleted: "no broker",
      trimmed: "no broker",
      consumerDeleted: "no broker",
    },
    receivers: "share the work",
    inFlight: (limit) => limit,
  },
  "zmq-pub": {
    acknowledged: "the message was handed to the queues of the subscribers there were",
    loses: {
      receiverKilled: "may lose what was sent meanwhile and what it had not accepted",
      senderKilled: "may lose what waited for subscribers",
      brokerKilled: "no broker",
      serverKilled: "no broker",
      slowReceiver: "may lose the oldest of what waits for it; counted as gaps",
      placeDeleted: "no broker",
      trimmed: "no broker",
      consumerDeleted: "no broker",
    },
    receivers: "a copy each",
    inFlight: (limit) => 2 * limit,
  },
  redis: {
    acknowledged: "the entry is in the server's memory, and on disk with appendfsync always",
    loses: {
      receiverKilled: "nothing",
      senderKilled: "nothing",
      brokerKilled: "nothing, with appendfsync always (everysec: up to a second)",
      serverKilled: "nothing, with `copies` of all servers (fewer: what the next master lacks)",
      slowReceiver: "nothing",
      placeDeleted: "may lose what waited there, nothing sent later",
      trimmed: "may lose these and, where `maxage` is set, what is older; nothing sent later",
      consumerDeleted: "nothing",
    },
    receivers: "share the work",
    inFlight: (limit) => limit + 1,
  },
  amqp: {
    acknowledged: "the broker has the persistent message in the queue",
    loses: {
      receiverKilled: "nothing",
      senderKilled: "nothing",
      brokerKilled: "nothing, but with `maxbytes`: the oldest of what passes it",
      serverKilled: "nothing, with `copies=3`",
      slowReceiver: "nothing",
      placeDeleted: "may lose what waited there, nothing sent later",
      trimmed: "may lose these and, where `maxage` is set, what is older; nothing sent later",
      consumerDeleted: "nothing, it has none",
    },
    receivers: "share the work",
    inFlight: (limit, receivers = 1) => limit * (1 + receivers) + 1,
  },
  nats: {
    acknowledged: "the server has the message in its file, which it syncs every two minutes",
    loses: {
      receiverKilled: "nothing",
      senderKilled: "nothing",
      brokerKilled: "nothing, but a power failure: up to two minutes",
      serverKilled: "nothing, with `copies=3`",
      slowReceiver: "nothing",
      placeDeleted: "may lose what waited there, nothing sent later",
      trimmed: "may lose these and, where `maxage` is set, what is older; nothing sent later",
      consumerDeleted: "nothing",
    },
    receivers: "share the work",
    inFlight: (limit) => limit + 1,
  },
  kafka: {
    acknowledged: "all replicas that are in sync have the message in their logs",
    loses: {
      receiverKilled: "nothing",
      senderKilled: "nothing",
      brokerKilled: "nothing, but a power failure of all replicas: what was not on disk",
      serverKilled:
        "nothing, with three replicas and min.insync.replicas=2 (Kafka's word, not tried)",
      slowReceiver: "nothing, within the topic's retention",
      placeDeleted: "may lose what waited there, nothing sent later",
      trimmed: "may lose these and what is older than the topic's retention; nothing sent later",
      consumerDeleted: "nothing, all that the topic keeps comes again",
    },
    receivers: "one at a time",
    inFlight: (limit) => limit + 1,
  },
  s3: {
    acknowledged: "the service has confirmed that it has the object",
    loses: {
      receiverKilled: "nothing",
      senderKilled: "nothing",
      brokerKilled: "nothing, where the service keeps what it confirmed",
      serverKilled: "nothing, where the service keeps what it confirmed",
      slowReceiver: "nothing",
      placeDeleted: "may lose the objects that were deleted, nothing sent later",
      trimmed: "may lose these, nothing sent later",
      consumerDeleted: "no broker",
    },
    receivers: "one at a time",
    inFlight: (limit) => limit + 1,
  },
};

/** Whether a channel promises to lose nothing when something goes wrong. */
export function keeps(channel: ChannelName, fault: Fault): boolean {
  return DELIVERY[channel].loses[fault].startsWith("nothing");
}

/** The promises as a table in Markdown. */
export function deliveryTable(): string {
  const head = [
    "channel",
    "acknowledged means",
    "lost when the receiver is killed",
    "the sender is killed",
    "the broker is killed",
    "a server of a cluster is killed",
    "the receiver is slow",
    "queue, stream or files are deleted",
    "messages are trimmed, purged or expire",
    "group or consumer is deleted",
    "several receivers",
    "in flight, limit 3",
  ];
  const rows = Object.entries(DELIVERY).map(([name, { acknowledged, loses, ...promise }]) => [
    name,
    acknowledged,
    loses.receiverKilled,
    loses.senderKilled,
    loses.brokerKilled,
    loses.serverKilled,
    loses.slowReceiver,
    loses.placeDeleted,
    loses.trimmed,
    loses.consumerDeleted,
    promise.receivers,
    String(promise.inFlight(3)),
  ]);
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
