/**
 * Two hundred messages of a packed window (2,880 bytes) and of a float one (92,160 bytes) through
 * each channel to another process, until the last is accepted there. Beside them what the runtime
 * itself does: bytes over TCP drained into one buffer, and messages with a length before them,
 * sent from one buffer and read each into an array of its own. `bench/transport_channels_memory.ts` measures latency, memory
 * and messages in flight.
 */
import { openSender } from "@vcs/transport/channel";
import { message } from "@vcs/transport/message";
import { freePort, hasBroker, startBroker } from "../packages/transport/brokers.ts";

const COUNT = 200;
const sizes = [2880, 92_160];

const cleanup = new AsyncDisposableStack();

/** Starts the far end and waits until it is ready. */
async function peer(kind: string, where: string | number): Promise<void> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.resolve("./transport_peer.ts"), kind, `${where}`],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  globalThis.addEventListener("unload", () => process.kill("SIGKILL"));
  await process.stdout.getReader().read();
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

function be32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

async function connect(port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  return conn;
}

type Job = (payload: Uint8Array) => Promise<void>;

async function rawTcp(size: number): Promise<Job> {
  const port = freePort();
  await peer("drain", port);
  const conn = await connect(port);
  await writeAll(conn, be32(size * COUNT));
  return async (payload) => {
    for (let i = 0; i < COUNT; i++) await writeAll(conn, payload);
    await conn.read(new Uint8Array(1));
  };
}

async function framedTcp(size: number): Promise<Job> {
  const port = freePort();
  await peer("frames", port);
  const conn = await connect(port);
  await writeAll(conn, be32(COUNT));
  const frame = new Uint8Array(4 + size);
  return async (payload) => {
    for (let i = 0; i < COUNT; i++) {
      frame.set(be32(payload.length));
      frame.set(payload, 4);
      await writeAll(conn, frame);
    }
    await conn.read(new Uint8Array(1));
  };
}

async function channel(receiver: string, sender = receiver): Promise<Job> {
  await peer("channel", receiver);
  const end = cleanup.use(await openSender(sender));
  let sequence = 0;
  return async (payload) => {
    for (let i = 0; i < COUNT; i++) await end.send(message(payload, { sequence: sequence++ }));
    await end.flush();
  };
}

const tcp = (credits: number) => () => channel(`tcp://127.0.0.1:${freePort()}?credits=${credits}`);

async function zmqPush(): Promise<Job> {
  const port = freePort();
  return await channel(`zmq+pull://127.0.0.1:${port}`, `zmq+push://127.0.0.1:${port}`);
}

async function file(): Promise<Job> {
  const folder = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  return await channel(`file://${folder}?limit=3`);
}

const broker = (name: "redis" | "rabbitmq" | "nats", url: (port: number) => string) => async () =>
  await channel(url(cleanup.use(await startBroker(name)).port));

/** How often a job is done: those that wait for a disk are slow and even. */
const TIMES = { memory: 60, disk: 12 };

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
  [
    "amqp: (limit 3)",
    broker("rabbitmq", (port) => `amqp://127.0.0.1:${port}`),
    !hasBroker("rabbitmq"),
  ],
  ["nats: (limit 3)", broker("nats", (port) => `nats://127.0.0.1:${port}`), !hasBroker("nats")],
];

for (const size of sizes) {
  const payload = crypto.getRandomValues(new Uint8Array(2880));
  const bytes = Uint8Array.from({ length: size }, (_, i) => payload[i % 2880]!);
  for (const [i, [name, prepare, ignore = false]] of jobs.entries()) {
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
