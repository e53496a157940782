/**
 * What channels hold and how late they are: one-way latency at 24 messages a second, and, while
 * no receiver accepts anything for a minute, messages in flight and the size of the process every
 * ten seconds. Prints JSON.
 */
import { pathToFileURL } from "node:url";
import { openReceiver, openSender, type Receiver, type Sender } from "@vcs/transport/channel";
import { type ChannelName, DELIVERY } from "@vcs/transport/delivery";
import { Queue } from "@vcs/transport";
import { type Message, message, newStreamId } from "@vcs/transport/message";
import { Pacer } from "@vcs/transport";
import { hasBroker, startBroker } from "../packages/transport/trial/brokers.ts";
import { freePort } from "../packages/transport/site/free_port.ts";
import { tcpBesideRaw } from "./transport_tcp.ts";

const PACE = 1000 / 24;
const SIZE = 92_160;
const LATENCY_MESSAGES = 120;
const PACED_FRAMES = 480;
const STALL_SECONDS = 60;

const stack = new AsyncDisposableStack();
const folder = await Deno.makeTempDir();
const local = () => `127.0.0.1:${freePort()}`;
const push = local();
const pub = local();
const urls: [ChannelName, string, string?][] = [
  ["file", `${pathToFileURL(folder)}?limit=3`],
  ["tcp", `tcp://${local()}`],
  ["zmq-push", `zmq+push://${push}`, `zmq+pull://${push}`],
  ["zmq-pub", `zmq+pub://${pub}`, `zmq+sub://${pub}`],
];
for (
  const [name, channel, path] of [["redis", "redis", "/0"], ["rabbitmq", "amqp", ""], [
    "nats",
    "nats",
    "",
  ]] as const
) {
  if (!hasBroker(name)) continue;
  const { port } = stack.use(await startBroker(name));
  urls.push([channel, `${channel}://127.0.0.1:${port}${path}`]);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}

/** Milliseconds from `send` to the receiver's loop: median, 95 and 99 of 100, worst. */
async function latency(sender: Sender, receiver: Receiver) {
  const streamId = newStreamId();
  const sentAt: number[] = [];
  const late: number[] = [];
  const sending = (async () => {
    const start = performance.now();
    for (let sequence = 0; sequence < LATENCY_MESSAGES; sequence++) {
      await sleep(start + sequence * PACE - performance.now());
      sentAt[sequence] = performance.now();
      const end = sequence === LATENCY_MESSAGES - 1;
      await sender.send(message(new Uint8Array(SIZE), { streamId, sequence, end }));
    }
  })();
  for await (const { sequence } of receiver) late.push(performance.now() - sentAt[sequence]!);
  await sending;
  late.sort((a, b) => a - b);
  const at = (share: number) => Number(late[Math.ceil(share * late.length) - 1]!.toFixed(2));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: at(1) };
}

/** Sends through a dropping queue, as from a camera, to a receiver that takes one and stalls. */
async function stall(channel: ChannelName, sender: Sender, receiver: Receiver, seconds: number) {
  const queue = new Queue<Message>({ capacity: 3, policy: "drop-oldest" });
  queue.readable.pipeTo(sender.writable).catch(() => {});
  const writer = queue.writable.getWriter();
  const streamId = newStreamId();
  await receiver.receive();
  let sequence = 0;
  for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
    await writer.write(message(new Uint8Array(SIZE), { streamId, sequence: sequence++ }));
    await sleep(PACE);
  }
  const { sent, dropped } = sender.counters;
  const inFlight = sent - dropped;
  return { channel, produced: sequence, inFlight, allowed: DELIVERY[channel].inFlight(3) };
}

/** The intervals at which a pacer gives out bursts of 17 frames, at 24 a second. */
async function pacing() {
  const pacer = new Pacer<number>({ rate: 24, prefill: 17 });
  const writer = pacer.writable.getWriter();
  const writing = (async () => {
    for (let frame = 0; frame < PACED_FRAMES; frame++) {
      if (frame % 17 === 0 && frame > 34) await sleep(600);
      await writer.write(frame);
    }
    await writer.close();
  })();
  const times: number[] = [];
  for await (const _ of pacer.readable) times.push(performance.now());
  await writing;
  const intervals = times.slice(1).map((time, i) => time - times[i]!);
  const off = intervals.map((interval) => Math.abs(interval - PACE)).sort((a, b) => a - b);
  return {
    meanInterval: (times.at(-1)! - times[0]!) / intervals.length,
    p99Jitter: off[Math.ceil(0.99 * off.length) - 1],
    underruns: pacer.counters.underruns,
  };
}

const result = {
  tcp: await tcpBesideRaw(),
  pacing: await pacing(),
  latency: {} as Record<string, unknown>,
  stalled: [] as unknown[],
  megabytes: [] as number[],
};
const ends = [];
for (const [channel, url, receiverUrl] of urls) {
  const receiver = await openReceiver(receiverUrl ?? url);
  const sender = await openSender(url, { timeout: 1000 });
  if (channel === "zmq-pub") await sleep(500);
  result.latency[channel] = await latency(sender, receiver);
  await sender.close();
  await receiver.close();
  ends.push([channel, url, receiverUrl] as const);
}

const open = [];
const abort = new AbortController();
const options = { signal: abort.signal };
for (const [channel, url, receiverUrl] of ends) {
  const receiver = await openReceiver(receiverUrl ?? url, options);
  const sender = await openSender(url, options);
  open.push({ channel, sender, receiver });
}
await sleep(500);
for (const { sender } of open) await sender.send(message(new Uint8Array(SIZE)));
const stalling = Promise.all(
  open.map(({ channel, sender, receiver }) => stall(channel, sender, receiver, STALL_SECONDS)),
);
for (let second = 10; second <= STALL_SECONDS; second += 10) {
  await sleep(10_000);
  result.megabytes.push(Math.round(Deno.memoryUsage().rss / 1e6));
}
result.stalled = await stalling;
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(result)}\n`));
abort.abort();
for (const { sender, receiver } of open) {
  await receiver.close();
  await sender.close().catch(() => {});
}
await stack.disposeAsync();
await Deno.remove(folder, { recursive: true });
