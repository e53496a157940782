import assert from "node:assert/strict";
import { needs } from "#testing/shared.ts";
import { openReceiver, openSender } from "../../channel.ts";
import type { ChannelName } from "../../delivery.ts";
import { TransportError } from "../../errors.ts";
import {
  type Cluster,
  startNatsCluster,
  startRabbitCluster,
  startRedisCluster,
} from "../../testing/clusters.ts";
import { conformance, LIMIT } from "../../testing/conformance.ts";
import { type BrokerName, hasBroker } from "../../trial/brokers.ts";
import { readSettings } from "../settings.ts";
import { type Server, Servers, withOneHost } from "./servers.ts";

Deno.test("servers: hosts with commas between them, whatever stands around them", () => {
  const cases = [
    ["nats://a,b,c", "nats://a?servers=b,c"],
    ["nats://a:1,b:2/path?stream=x", "nats://a:1/path?stream=x&servers=b:2"],
    ["redis://me:p,w@a,[::1]:7/0", "redis://me:p,w@a/0?servers=[::1]:7"],
    ["amqp://a/v,w?queue=x,y", "amqp://a/v,w?queue=x,y"],
    ["tcp://me:p,w@a:1", "tcp://me:p,w@a:1"],
    ["file:out,put", "file:out,put"],
  ];
  for (const [given, one] of cases) assert.equal(withOneHost(given!), one);
});

/** The servers of an address. */
function serversOf(text: string): Servers {
  const url = new URL(withOneHost(text));
  return readSettings(url, (read) => new Servers(url, read, 4222));
}

Deno.test("servers: tried in turn from the last used on, until one refuses", async () => {
  const servers = serversOf("nats://a:1,b,[::1]:3");
  const tried: Server[] = [];
  let answering = "b";
  const connect = (server: Server) => {
    tried.push(server);
    if (server.hostname === answering) return Promise.resolve(server.port);
    return Promise.reject(new Error(`no ${server.hostname}`));
  };
  assert.equal(await servers.first(connect), 4222);
  assert.equal(await servers.first(connect), 4222);
  assert.deepEqual(tried.map(({ hostname }) => hostname), ["a", "b", "b"]);
  answering = "nobody";
  await assert.rejects(servers.first(connect), { message: "no a" });
  assert.deepEqual(tried.slice(3).map(({ hostname }) => hostname), ["b", "::1", "a"]);
  let count = 0;
  const refuse = () => Promise.reject(new TransportError("refused", `${++count}`));
  await assert.rejects(servers.first(refuse), { message: "1" });
  assert.throws(() => serversOf("nats://a,b:x"), /servers has "b:x", expected host:port/);
  await assert.rejects(openSender("tcp://127.0.0.1:1,127.0.0.1:2"), /"servers" is not one of/);
});

/** The cases in which connections are made again. */
const CASES =
  /^(messages of all sizes|a receiver that comes back|a killed broker|a cut connection)/;

const CLUSTERS: [ChannelName, BrokerName, () => Promise<Cluster>, string][] = [
  ["nats", "nats", startNatsCluster, "?copies=3&wait=600&stream"],
  ["redis", "redis", startRedisCluster, "/0?sentinel=vcs&copies=2&claim=600&stream"],
  ["amqp", "rabbitmq", startRabbitCluster, "/?copies=3&queue"],
];

for (const [channel, name, start, place] of CLUSTERS) {
  Deno.test({
    name: `channel: ${channel} keeps its promises while servers of a cluster are killed`,
    ...needs(hasBroker(name)),
    async fn(t) {
      await using cluster = await start();
      let places = 0;
      await conformance(t, {
        channel,
        broker: cluster,
        isCluster: true,
        cases: CASES,
        // A quorum queue refuses when it has one too many.
        ...(channel === "amqp" && { beyond: 1 }),
        place() {
          const url = `${channel}://${cluster.hosts}${place}=t${places++}&limit=${LIMIT}`;
          return { sender: url, receiver: url };
        },
        // A sentinel only says where the master is.
        ...(channel !== "redis" && { port: () => cluster.port }),
        through: ({ sender, receiver }, port) => ({
          sender: sender.replace(cluster.hosts, `127.0.0.1:${port}`),
          receiver,
        }),
      });
      if (channel === "redis") {
        await t.step("a master that no sentinel knows", async () => {
          const url = `redis://${cluster.hosts}/0?sentinel=other`;
          await using receiver = await openReceiver(url, { timeout: 600_000 });
          await assert.rejects(receiver.receive(), {
            code: "refused",
            message: /knows no "other"/,
          });
        });
      }
    },
  });
}
