/**
 * Two hundred messages of a packed window (2,880 bytes) and of a float one (92,160 bytes) through
 * each channel to another process, until the last is accepted there. Beside them what the runtime
 * itself does: bytes over TCP drained into one buffer, and messages with a length before them,
 * sent from one buffer and read each into an array of its own. `bench/transport_channels_memory.ts` measures latency, memory
 * and messages in flight.
 */
import { pathToFileURL } from "node:url";
import { hasBroker, startBroker } from "../packages/transport/trial/brokers.ts";
import { freePort } from "../packages/transport/site/free_port.ts";
import {
  channel,
  cleanup,
  COUNT,
  framedTcp,
  type Job,
  payloadOf,
  rawTcp,
  tcp,
} from "./transport_jobs.ts";
import { onlyCpu } from "./devices.ts";

onlyCpu();

const sizes = [2880, 92_160];
async function zmqPush(): Promise<Job> {
  const port = freePort();
  return await channel(`zmq+pull://127.0.0.1:${port}`, `zmq+push://127.0.0.1:${port}`);
}

async function file(): Promise<Job> {
  const folder = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  return await channel(`${pathToFileURL(folder)}?limit=3`);
}

const broker = (name: "redis" | "rabbitmq" | "nats", url: (port: number) => string) => async () =>
  await channel(url(cleanup.use(await startBroker(name)).port));

/** How often a job is done: those that wait for a disk are slow and even. */
const TIMES = { memory: 60, disk: 12 };

/** RabbitMQ is last: once it runs, it takes a third of a core for a while, and slows what is beside it. */
const jobs: [string, (size: number) => Promise<Job>, boolean?][] = [
  ["Deno TCP, drained", rawTcp],
  ["Deno TCP, length and array", framedTcp],
  ["tcp: (3 credits)", tcp(3)],
  ["tcp: (16 credits)", tcp(16)],
  ["zmq+push: (3 credits)", zmqPush],
  ["file: (limit 3, fsync)", file],
  [
    "redis: (limit 3, fsync)",
    broker("redis", (port) => `redis://127.0.0.1:${port}/0`),
    !hasBroker("redis"),
  ],
  ["nats: (limit 3)", broker("nats", (port) => `nats://127.0.0.1:${port}`), !hasBroker("nats")],
  [
    "amqp: (limit 3)",
    broker("rabbitmq", (port) => `amqp://127.0.0.1:${port}`),
    !hasBroker("rabbitmq"),
  ],
];

for (const [i, [name, prepare, ignore = false]] of jobs.entries()) {
  for (const size of sizes) {
    const bytes = payloadOf(size);
    let job: Job | undefined;
    const options = {
      group: `${COUNT} × ${size} bytes`,
      baseline: i === 0,
      ignore,
      n: /tcp|zmq/i.test(name) ? TIMES.memory : TIMES.disk,
      warmup: 2,
    };
    Deno.bench(name, options, async (b) => {
      job ??= await prepare(size);
      b.start();
      await job(bytes);
      b.end();
    });
  }
}
