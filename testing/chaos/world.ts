/**
 * Where a run of chaos takes place: a channel, its broker, and the proxies that both ends go
 * through.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import amqplib from "amqplib";
import { pathToFileURL } from "node:url";
import type { ChannelName } from "@vcs/transport/delivery";
import { FaultProxy } from "../../packages/transport/testing/fault_proxy.ts";
import { type Broker, startBroker } from "../../packages/transport/trial/brokers.ts";
import { freePort } from "../../packages/transport/site/free_port.ts";
import { KAFKA_PORTS } from "../../packages/transport/trial/kafka.ts";
import { KAFKA_CLIENT } from "../../packages/transport/parts/clients.ts";
import { lazyPart } from "../../packages/transport/parts/load.ts";
import {
  type Cluster,
  startNatsCluster,
  startRabbitCluster,
  startRedisCluster,
} from "../../packages/transport/testing/clusters.ts";
import type { Kind } from "./plan.ts";

/** What deletes topics. */
interface KafkaAdmin {
  deleteTopics(options: { topics: string[] }): Promise<void>;
  close(): Promise<void>;
}

const loadKafka = lazyPart<{ Admin: new (options: object) => KafkaAdmin }>(KAFKA_CLIENT);

/** The channels that promise to lose nothing. */
export const CHANNELS = [
  "file",
  "tcp",
  "ws",
  "zmq-push",
  "redis",
  "amqp",
  "nats",
  "kafka",
] as const;

/** One of them. */
export type ChaosChannel = typeof CHANNELS[number];

/** Where the ends are, and what can go wrong there. */
export interface World extends AsyncDisposable {
  readonly channel: ChannelName;
  readonly sender: string;
  readonly receiver: string;
  readonly kinds: readonly Kind[];
  readonly proxies: readonly FaultProxy[];
  readonly broker?: Broker;
  /** Deletes at the broker where messages wait. */
  remove?(): Promise<void>;
}

const ENDS: readonly Kind[] = ["kill sender", "kill receiver", "stop sender", "stop receiver"];
const LINKS: readonly Kind[] = ["black hole", "reset"];
const SECONDS: readonly Kind[] = ["second receiver", "second sender"];
const BROKER: readonly Kind[] = ["kill broker", "stop broker", "delete place", ...SECONDS];

/** How a broker's channel is spoken to. */
const BROKERS = {
  redis: { name: "redis", query: "/0?limit=3&claim=1000&stream=chaos", remove: removeFromRedis },
  amqp: { name: "rabbitmq", query: "/?limit=3&queue=chaos", remove: removeFromRabbit },
  nats: { name: "nats", query: "/?limit=3&wait=1000&stream=chaos", remove: removeFromNats },
  kafka: { name: "kafka", query: "/?limit=3&wait=1000&topic=chaos", remove: removeFromKafka },
} as const;

/** Clusters, by the names that stand for their addresses: one server of each is killed at a time. */
export const CLUSTERS: Readonly<Record<string, () => Promise<World>>> = {
  "nats-cluster": async () =>
    clusterWorld("nats", await startNatsCluster(), "?copies=3&limit=3&wait=1000&stream=chaos"),
  "amqp-quorum": async () =>
    clusterWorld("amqp", await startRabbitCluster(), "/?copies=3&limit=3&queue=chaos"),
  "redis-sentinel": async () =>
    clusterWorld(
      "redis",
      await startRedisCluster(),
      "/0?sentinel=vcs&copies=3&limit=3&claim=1000&stream=chaos",
    ),
};

function clusterWorld(channel: ChaosChannel, cluster: Cluster, query: string): World {
  const url = `${channel}://${cluster.hosts}${query}`;
  return {
    ...{ channel, sender: url, receiver: url, proxies: [], broker: cluster },
    kinds: [...ENDS, "kill broker", "second receiver"],
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

/** Opens the world of a channel, with a broker of its own. */
export async function openWorld(channel: ChaosChannel): Promise<World> {
  if (channel === "file") return await fileWorld();
  if (channel === "tcp" || channel === "ws" || channel === "zmq-push") return peerWorld(channel);
  const { name, query, remove } = BROKERS[channel];
  const broker = await startBroker(name);
  const { port } = broker;
  const url = `${channel}://127.0.0.1:${port}${query}`;
  // Kafka tells clients where it is: a proxy has to be there.
  const world = name === "kafka" ? kafkaWorld(url, port) : worldBehind(channel, url);
  return {
    ...world,
    ...{ broker, kinds: [...ENDS, ...LINKS, ...BROKER], remove: () => remove(port) },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    },
  };
}

/** The world of somebody's own broker, which is left alone: a proxy stands before it for each end. */
export function worldBehind(channel: ChannelName, url: string): World {
  const { port, hostname } = new URL(url);
  const proxies = [0, 1].map(() => new FaultProxy(Number(port), {}, hostname));
  const through = (proxy: FaultProxy) => url.replace(/:\d+/, `:${proxy.port}`);
  return {
    ...{ channel, sender: through(proxies[0]!), receiver: through(proxies[1]!), proxies },
    kinds: [...ENDS, ...LINKS, ...SECONDS],
    async [Symbol.asyncDispose]() {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    },
  };
}

function kafkaWorld(url: string, port: number): World {
  const at = port + KAFKA_PORTS.proxy;
  const proxy = new FaultProxy(port + KAFKA_PORTS.proxied, {}, "127.0.0.1", at);
  const through = url.replace(/:\d+/, `:${at}`);
  return {
    ...{ channel: "kafka", sender: through, receiver: through, kinds: [], proxies: [proxy] },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

async function fileWorld(): Promise<World> {
  const folder = await Deno.makeTempDir({ prefix: "vcs-chaos-" });
  const url = `${pathToFileURL(folder)}?limit=3`;
  return {
    ...{ channel: "file", sender: url, receiver: url, kinds: ENDS, proxies: [] },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

function peerWorld(channel: "tcp" | "ws" | "zmq-push"): World {
  const port = freePort();
  const proxy = new FaultProxy(port);
  // Stops are shorter than two heartbeats, and longer.
  const url = (scheme: string, port: number) => `${scheme}://127.0.0.1:${port}/?heartbeat=1000`;
  const [to, from] = channel === "zmq-push" ? ["zmq+push", "zmq+pull"] : [channel, channel];
  const names = channel === "ws" ? `&names=127.0.0.1:${proxy.port}` : "";
  return {
    channel,
    ...{ sender: url(to, proxy.port), receiver: `${url(from, port)}${names}` },
    ...{ kinds: [...ENDS, ...LINKS, "second sender"], proxies: [proxy] },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

async function removeFromRedis(port: number): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode("DEL chaos\r\n"));
  await conn.read(new Uint8Array(100));
}

async function removeFromRabbit(port: number): Promise<void> {
  const connection = await amqplib.connect(`amqp://127.0.0.1:${port}/`);
  const channel = await connection.createChannel();
  await channel.deleteQueue("chaos");
  await connection.close();
}

async function removeFromNats(port: number): Promise<void> {
  const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false });
  const manager = await jetstreamManager(connection);
  await manager.streams.delete("chaos");
  await connection.close();
}

async function removeFromKafka(port: number): Promise<void> {
  const { Admin } = await loadKafka();
  const bootstrapBrokers = [{ host: "127.0.0.1", port }];
  const admin = new Admin({ clientId: "chaos", bootstrapBrokers, retries: 0 });
  await admin.deleteTopics({ topics: ["chaos"] }).finally(() => admin.close());
}
