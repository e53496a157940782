/**
 * The `kafka:` channel: a topic of Kafka, of which receivers commit how far they have accepted.
 *
 * Kafka keeps what was accepted until the topic's retention ends. The sender counts what lies behind
 * the committed offsets, and waits while there are `limit` of them. The consumer group has the id of
 * the topic in its name: what is committed late for a topic that was deleted does not count for the
 * next one of its name.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { KAFKA_CLIENT } from "../../parts/clients.ts";
import { lazyPart } from "../../parts/load.ts";
import { ANSWER, answered, type BrokerChannel, brokerChannel, FAREWELL } from "../broker_feed.ts";
import { TransportError } from "../../errors.ts";
import { settledWithin } from "../../flow/abort.ts";
import type { Inbox } from "../inbox.ts";
import type { Entry } from "../outbox.ts";
import { nodeTls, readAccess, refuseUntrusted } from "../reach/access.ts";
import type { Store } from "../store_pump.ts";
import type { Backlog, ChannelSettings } from "../types.ts";
import { hostAndPort, type UrlSettings } from "../settings.ts";
import type { KafkaAdmin, KafkaModule } from "./client.ts";
import { deliver } from "./deliver.ts";
import { greet } from "./greeting.ts";

const loadClient = lazyPart<KafkaModule>(KAFKA_CLIENT);

/** How a user proves to be one. */
const MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;
/** Milliseconds that a broker waits for messages before it answers that there are none. */
const FETCH_MS = 1000;
/** In the place of a time: the offset behind the last message, and of the first that is kept. */
const [BEHIND, FIRST] = [-1n, -2n];

/** Both ends. */
export const kafka: BrokerChannel = brokerChannel({ place, openStore, consume, look });

type Place = ReturnType<typeof place>;

function place(url: URL, read: UrlSettings, settings: ChannelSettings) {
  return {
    url,
    access: readAccess(url, read, settings),
    topic: read.text("topic", "vcs"),
    group: read.text("group", "vcs"),
    limit: read.count("limit", 3),
    /** Milliseconds that the topic keeps messages, where this makes it; 0 for the broker's. */
    maxAge: read.count("maxage", 0, 100),
    /** Milliseconds without a sign of life after which another receiver takes over. */
    wait: read.count("wait", 10_000),
    mechanism: read.choice("sasl", "plain", MECHANISMS),
  };
}

/** Options of every client. */
function clientOptions({ url, access, mechanism, wait }: Place) {
  const { hostname, port } = hostAndPort(url, 9092);
  const { user, password, tls } = access;
  return {
    clientId: "vcs",
    bootstrapBrokers: [{ host: hostname, port }],
    connectTimeout: ANSWER,
    // Joining a group may take as long as others are waited for.
    requestTimeout: ANSWER + wait,
    retryDelay: 100,
    autocreateTopics: false,
    ...(tls && { tls: nodeTls(tls), tlsServerName: !isIP(hostname) }),
    ...(user !== undefined && {
      sasl: { mechanism: mechanism.toUpperCase(), username: user, password: password ?? "" },
    }),
  };
}

/** A topic as it is now. */
interface Topic {
  readonly id: string;
  readonly partitions: number[];
}

async function findTopic(admin: KafkaAdmin, { topic }: Place): Promise<Topic | undefined> {
  try {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
    const { id, partitionsCount } = topics.get(topic)!;
    return { id, partitions: [...Array(partitionsCount).keys()] };
  } catch (error) {
    if (said(error).includes("Unknown topic")) return undefined;
    throw error;
  }
}

/** The topic, made where it is missing: with one partition, which keeps the order. */
async function makeTopic(admin: KafkaAdmin, place: Place): Promise<Topic> {
  const found = await findTopic(admin, place);
  if (found) return found;
  const { topic, maxAge } = place;
  const configs = maxAge > 0 ? [{ name: "retention.ms", value: String(maxAge) }] : [];
  const making = admin.createTopics({ topics: [topic], partitions: 1, replicas: -1, configs });
  await making.catch((error) => {
    if (!said(error).includes("already exists")) throw error;
  });
  const made = await findTopic(admin, place);
  if (!made) throw new Error(`topic ${topic} is not there yet`);
  return made;
}

function groupOf({ group }: Place, { id }: Topic): string {
  return `${group}-${id}`;
}

/** What lies in a topic. */
interface Contents {
  /** All that it keeps. */
  readonly kept: number;
  /** Of these, what was not accepted. */
  readonly pending: number;
}

async function contentsOf(admin: KafkaAdmin, place: Place, topic: Topic): Promise<Contents> {
  const group = groupOf(place, topic);
  const at = (timestamp: bigint) => {
    const partitions = topic.partitions.map((partitionIndex) => ({ partitionIndex, timestamp }));
    return admin.listOffsets({ topics: [{ name: place.topic, partitions }] });
  };
  const [ends, starts, [committed]] = await Promise.all([
    ...[at(BEHIND), at(FIRST)] as const,
    admin.listConsumerGroupOffsets({
      groups: [{
        groupId: group,
        topics: [{ name: place.topic, partitionIndexes: topic.partitions }],
      }],
    }),
  ]);
  let [kept, pending] = [0, 0];
  for (const partition of topic.partitions) {
    const isIt = (found: { partitionIndex: number }) => found.partitionIndex === partition;
    const end = Number(ends[0]?.partitions.find(isIt)?.offset ?? 0n);
    const start = Number(starts[0]?.partitions.find(isIt)?.offset ?? 0n);
    const done = Number(committed?.topics[0]?.partitions.find(isIt)?.committedOffset ?? -1n);
    kept += end - start;
    pending += end - Math.max(start, done);
  }
  return { kept, pending };
}

/** All that an error says, with those it is made of. */
function said(error: unknown): string {
  const { message, errors = [], cause } = error as Partial<AggregateError>;
  return [message, ...errors.map(said), ...(cause ? [said(cause)] : [])].join(": ");
}

/** What trying again does not cure. */
const REFUSAL = /authentication failed|suitable SASL|not authorized|invalid topic|requires TLS/i;

/** What the broker refuses is refused again, however often it is asked. */
function refuse(error: unknown, { url, topic, access }: Place): never {
  const words = said(error);
  if (REFUSAL.test(words)) {
    const text = `Cannot use topic ${topic}: Kafka refuses: ${words}`;
    throw new TransportError("refused", text, { cause: error });
  }
  if (access.tls) refuseUntrusted(new Error(words, { cause: error }), url);
  throw new Error(words, { cause: error });
}

/** Hears at once where one end does not trust the other. */
async function knock({ url, access }: Place): Promise<void> {
  if (access.tls) await greet(hostAndPort(url, 9092), access.tls);
}

/** An administrator and the topic; whoever gets them closes the first. */
async function connect(place: Place) {
  const { Admin } = await loadClient();
  const admin = new Admin(clientOptions(place));
  admin.on("error", () => {});
  try {
    await knock(place);
    return { admin, topic: await answered("a topic", makeTopic(admin, place)) };
  } catch (error) {
    void hangUp(() => admin.close());
    refuse(error, place);
  }
}

/** Closes a client; one whose link is dead is left to its limits. */
function hangUp(close: () => Promise<void>): Promise<void> {
  return settledWithin(FAREWELL, Promise.try(close).catch(() => {}));
}

async function look(place: Place): Promise<Backlog> {
  const { Admin } = await loadClient();
  const admin = new Admin(clientOptions(place));
  admin.on("error", () => {});
  try {
    await knock(place);
    const topic = await answered("a topic", findTopic(admin, place));
    if (!topic) throw new Error(`topic ${place.topic} is not there`);
    const { kept, pending } = await answered("a look", contentsOf(admin, place, topic));
    const group = groupOf(place, topic);
    const groups = await admin.describeGroups({ groups: [group] }).catch(() => undefined);
    const consumers = groups?.get(group)?.members.size ?? 0;
    return { messages: kept, waiting: pending, inFlight: undefined, oldest: undefined, consumers };
  } catch (error) {
    refuse(error, place);
  } finally {
    await hangUp(() => admin.close());
  }
}

/** Messages that may be sent before the topic is asked again how many wait there. */
class Room {
  readonly #admin: KafkaAdmin;
  readonly #place: Place;
  readonly #topic: Topic;
  #left = 0;

  constructor(admin: KafkaAdmin, place: Place, topic: Topic) {
    this.#admin = admin;
    this.#place = place;
    this.#topic = topic;
  }

  /** Takes the room for a message; false where there is none. */
  async take(): Promise<boolean> {
    if (this.#left <= 0) this.#left = await this.#count();
    if (this.#left <= 0) return false;
    this.#left--;
    return true;
  }

  async #count(): Promise<number> {
    const now = await findTopic(this.#admin, this.#place);
    if (now?.id !== this.#topic.id) throw new Error(`topic ${this.#place.topic} is gone`);
    const { pending } = await contentsOf(this.#admin, this.#place, this.#topic);
    return this.#place.limit - pending;
  }
}

async function openStore(place: Place): Promise<Store> {
  const { Producer } = await loadClient();
  const { admin, topic } = await connect(place);
  const room = new Room(admin, place, topic);
  const producer = new Producer(clientOptions(place));
  producer.on("error", () => {});
  return {
    async store({ bytes, message }: Entry) {
      try {
        if (!await room.take()) return false;
        // The same stream, the same partition: its order holds.
        const key = Buffer.from(message.streamId);
        const value = Buffer.from(bytes);
        await producer.send({ messages: [{ topic: place.topic, key, value }], acks: -1 });
        return true;
      } catch (error) {
        throw tooLong(error, bytes.length) ?? refusalOf(error, place);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([hangUp(() => producer.close()), hangUp(() => admin.close())]);
    },
  };
}

function refusalOf(error: unknown, place: Place): unknown {
  try {
    refuse(error, place);
  } catch (refused) {
    return refused;
  }
}

function tooLong(error: unknown, bytes: number): TransportError | undefined {
  const words = said(error);
  if (!/larger than the max message size|too large/i.test(words)) return undefined;
  const text = `Cannot publish a message of ${bytes} bytes: Kafka refuses: ${words}`;
  return new TransportError("limit", text, { cause: error });
}

/** Consumes as a member of the group until the connection is lost or the signal is aborted. */
async function consume(
  place: Place,
  inbox: Inbox,
  signal: AbortSignal,
  connected: () => void,
): Promise<void> {
  const { Consumer } = await loadClient();
  const { admin, topic } = await connect(place);
  await hangUp(() => admin.close());
  const { wait } = place;
  const consumer = new Consumer({
    ...clientOptions(place),
    ...{ groupId: groupOf(place, topic), autocommit: false, maxWaitTime: FETCH_MS },
    ...{ sessionTimeout: wait, rebalanceTimeout: wait, heartbeatInterval: wait / 4 },
  });
  try {
    // Others of the group may have to come first.
    const timeout = ANSWER + wait;
    await deliver({ ...place, id: topic.id, consumer, timeout, inbox, signal, connected });
  } catch (error) {
    refuse(error, place);
  } finally {
    await hangUp(() => consumer.close(true));
  }
}
