/**
 * Clusters of real brokers on loopback ports: three servers of NATS, three nodes of RabbitMQ, or
 * three servers of Redis that three sentinels watch. A cluster is killed as a broker is, one server at a time.
 *
 * @module
 */
import { type Broker, type BrokerOptions, rabbitMember, startBroker } from "../trial/brokers.ts";
import { freePort } from "../site/free_port.ts";
import { sleep } from "./waits.ts";

/** A cluster that runs; its port is that of the first server. */
export interface Cluster extends Broker {
  /** Hosts and ports of those that are connected to first, as they stand in an address. */
  readonly hosts: string;
}

const LOCAL = "127.0.0.1";
/** Servers, and sentinels. */
const COUNT = 3;
/** The name by which sentinels know the master. */
const MASTER = "vcs";

/** Starts three servers of NATS with JetStream; they are killed in turn, beginning with the first. */
export async function startNatsCluster(): Promise<Cluster> {
  await using stack = new AsyncDisposableStack();
  const ports = Array.from({ length: COUNT }, freePort);
  const routes = ports.map((port) => `nats://${LOCAL}:${port}`);
  const nodes = await Promise.all(routes.map(async (route, i) => {
    const own = ["--cluster", route, "--cluster_name", "vcs", "--name", `vcs${i}`];
    return stack.use(await startWith("nats", () => [...own, "--routes", routes.join()]));
  }));
  return inTurn(stack.move(), nodes);
}

/** Starts three nodes of RabbitMQ; they are killed in turn, beginning with the first. */
export async function startRabbitCluster(): Promise<Cluster> {
  await using stack = new AsyncDisposableStack();
  const mapper = freePort();
  const start = async (port?: number) =>
    stack.use(await startBroker("rabbitmq", { env: rabbitMember(mapper, port) }));
  const first = await start();
  const others = await Promise.all([start(first.port), start(first.port)]);
  return inTurn(stack.move(), [first, ...others]);
}

/** A cluster of servers that are all alike. */
function inTurn(stack: AsyncDisposableStack, nodes: readonly Broker[]): Cluster {
  let turn = -1;
  return cluster(stack, nodes, {
    kill: async () => {
      const node = nodes[++turn % COUNT]!;
      await node.kill();
      return node;
    },
  });
}

/** Starts a master of Redis with two replicas, and three sentinels; the master is what is killed. */
export async function startRedisCluster(): Promise<Cluster> {
  await using stack = new AsyncDisposableStack();
  let masterPort: number | undefined;
  // Replicas follow at once, not when more of them may have come.
  const follow = () => [
    ...["--repl-diskless-sync-delay", "0"],
    ...(masterPort ? ["--replicaof", `${LOCAL} ${masterPort}`] : []),
  ];
  const start = async () => stack.use(await startWith("redis", follow));
  const first = await start();
  masterPort = first.port;
  const nodes = [first, await start(), await start()];
  for (const node of nodes.slice(1)) await untilSynced(node.port);
  const sentinels: Broker[] = [];
  for (let i = 0; i < COUNT; i++) {
    sentinels.push(stack.use(await startWith("redis", (folder) => sentinel(folder, first.port))));
  }
  for (const { port } of sentinels) {
    await untilAnswered(port, `SENTINEL CKQUORUM ${MASTER}`, /^\+OK/);
  }
  return cluster(stack.move(), sentinels, {
    /** Returns when the sentinels agree on another. */
    async kill() {
      const master = await untilAnswered(sentinels[0]!.port, WHERE, /\r\n(\d+)\r\n$/);
      const killed = nodes.find(({ port }) => port === Number(master[1]))!;
      await killed.kill();
      const others = nodes.filter((node) => node !== killed).map(({ port }) => port).join("|");
      const another = new RegExp(`\\r\\n(${others})\\r\\n$`);
      for (const { port } of sentinels) {
        masterPort = Number((await untilAnswered(port, WHERE, another))[1]);
      }
      return killed;
    },
    started: ({ port }) => untilSynced(port),
  });
}

const WHERE = `SENTINEL GET-MASTER-ADDR-BY-NAME ${MASTER}`;

function startWith(
  name: "nats" | "redis",
  args: (folder: string) => readonly string[] | Promise<readonly string[]>,
): Promise<Broker> {
  const options: BrokerOptions = { more: (folder) => Promise.resolve(args(folder)) };
  return startBroker(name, options);
}

interface Rules {
  /** Kills one of the servers. */
  kill(): Promise<Broker>;
  /** Waits until one that was started again has what the others have. */
  started?(node: Broker): Promise<void>;
}

function cluster(stack: AsyncDisposableStack, met: readonly Broker[], rules: Rules): Cluster {
  let killed: Broker | undefined;
  return {
    hosts: met.map(({ port }) => `${LOCAL}:${port}`).join(),
    port: met[0]!.port,
    env: {},
    async kill() {
      killed = await rules.kill();
    },
    async start() {
      await killed?.start();
      if (killed) await rules.started?.(killed);
      killed = undefined;
    },
    signal: (name) => met[0]!.signal(name),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Arguments of a sentinel, which keeps what it learns in its configuration. */
async function sentinel(folder: string, master: number): Promise<string[]> {
  const path = `${folder}/sentinel.conf`;
  const lines = [
    `sentinel monitor ${MASTER} ${LOCAL} ${master} 2`,
    `sentinel down-after-milliseconds ${MASTER} 500`,
    `sentinel failover-timeout ${MASTER} 3000`,
  ];
  await Deno.writeTextFile(path, lines.join("\n"));
  return [path, "--sentinel"];
}

/** Waits until a replica has what its master has. */
async function untilSynced(port: number): Promise<void> {
  await untilAnswered(port, "INFO replication", /master_link_status:up/);
}

/** Asks a server of Redis until its answer is as expected. */
async function untilAnswered(port: number, command: string, expected: RegExp): Promise<string[]> {
  for (;; await sleep(20)) {
    using conn = await Deno.connect({ hostname: LOCAL, port });
    await conn.write(new TextEncoder().encode(`${command}\r\n`));
    const answer = new Uint8Array(4096);
    const count = await conn.read(answer) ?? 0;
    const found = expected.exec(new TextDecoder().decode(answer.subarray(0, count)));
    if (found) return found;
  }
}
