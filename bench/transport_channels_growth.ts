/**
 * What a message and idling cost after so many messages went through a channel: processor time of
 * the process that has both ends. `deno run -A bench/transport_channels_growth.ts MOST [CHANNEL…]`
 * measures after 1,000 messages, ten times as many, and so on up to `MOST`; keeps the figures in
 * `bench/results/transport_channels_growth.json`, and writes its table into the package's README.
 */
import { cpus } from "node:os";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { openReceiver, openSender, type Receiver, type Sender } from "@vcs/transport/channel";
import { say } from "@vcs/transport/internal";
import { message, newStreamId } from "@vcs/transport/message";
import { type BrokerName, freePort, startBroker } from "../packages/transport/trial/brokers.ts";
import { BUCKET, startMoto } from "../packages/transport/testing/moto.ts";

const STEPS = [1_000, 10_000, 100_000, 1_000_000];
/** Messages over which their cost is measured, and milliseconds of idling, after a pause. */
const [MEASURED, PAUSE, IDLE] = [500, 2000, 4000];
const SIZE = 100;
const RECORD = new URL("results/transport_channels_growth.json", import.meta.url);
const README = new URL("../packages/transport/README.md", import.meta.url);

/** The ends of a channel. */
interface Place {
  readonly sender: string;
  readonly receiver?: string;
}

/** What was measured after some messages. */
interface Figures {
  readonly messages: number;
  /** Microseconds of processor time for each message, both ends. */
  readonly message: number;
  /** Percent of a core while nothing comes. */
  readonly idle: number;
}

/** What is kept. */
interface Kept {
  machine: { cpu: string | undefined; cores: number };
  runtime: string;
  channels: Record<string, Figures[]>;
}

const stack = new AsyncDisposableStack();
const local = () => `127.0.0.1:${freePort()}`;

async function folderUrl(parameters: string): Promise<Place> {
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  return { sender: `${pathToFileURL(folder)}${parameters}` };
}

async function brokerUrl(name: BrokerName, scheme: string): Promise<Place> {
  const { port } = stack.use(await startBroker(name));
  return { sender: `${scheme}://127.0.0.1:${port}` };
}

async function bucketUrl(): Promise<Place> {
  const { port, env } = stack.use(await startMoto());
  for (const [name, value] of env) Deno.env.set(name, value);
  return { sender: `s3://${BUCKET}/archive?endpoint=http://127.0.0.1:${port}` };
}

function pushUrl(): Place {
  const at = local();
  return { sender: `zmq+push://${at}`, receiver: `zmq+pull://${at}` };
}

/** Every channel, as it is opened. */
const PLACES: Readonly<Record<string, () => Place | Promise<Place>>> = {
  tcp: () => ({ sender: `tcp://${local()}` }),
  ws: () => ({ sender: `ws://${local()}/` }),
  "zmq-push": pushUrl,
  "file, an archive": () => folderUrl("/"),
  "file, limit=3": () => folderUrl("/?limit=3"),
  redis: () => brokerUrl("redis", "redis"),
  amqp: () => brokerUrl("rabbitmq", "amqp"),
  nats: () => brokerUrl("nats", "nats"),
  kafka: () => brokerUrl("kafka", "kafka"),
  "s3, an archive": bucketUrl,
};

/** Milliseconds of processor time so far. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Messages through a channel, one stream over all calls. */
class Traffic {
  readonly #ends: { sender: Sender; receiver: Receiver };
  readonly #streamId = newStreamId();
  sent = 0;

  constructor(ends: { sender: Sender; receiver: Receiver }) {
    this.#ends = ends;
  }

  async run(count: number): Promise<void> {
    const receiving = (async () => {
      for (let i = 0; i < count; i++) await (await this.#ends.receiver.receive())!.accept();
    })();
    for (let i = 0; i < count; i++) {
      const fields = { streamId: this.#streamId, sequence: this.sent++ };
      await this.#ends.sender.send(message(new Uint8Array(SIZE), fields));
    }
    await receiving;
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function measure(name: string, most: number): Promise<void> {
  const { sender, receiver = sender } = await PLACES[name]!();
  await using to = await openReceiver(receiver, { timeout: 600_000 });
  await using from = await openSender(sender, { timeout: 600_000 });
  const traffic = new Traffic({ sender: from, receiver: to });
  const figures: Figures[] = [];
  for (const messages of STEPS.filter((step) => step <= most)) {
    await traffic.run(messages - MEASURED - traffic.sent);
    const before = cpu();
    await traffic.run(MEASURED);
    const each = 1000 * (cpu() - before) / MEASURED;
    await sleep(PAUSE);
    const idleFrom = cpu();
    await sleep(IDLE);
    const idle = 100 * (cpu() - idleFrom) / IDLE;
    figures.push({ messages, message: Math.round(each), idle: Number(idle.toFixed(1)) });
    say(`${name}: ${JSON.stringify(figures.at(-1))}`);
    await keep(name, figures);
  }
}

async function read(): Promise<Kept> {
  const [machine, runtime] = [{ cpu: cpus()[0]?.model, cores: cpus().length }, Deno.version.deno];
  const before = await Deno.readTextFile(RECORD).then(JSON.parse, () => ({ channels: {} }));
  return { ...before, machine, runtime };
}

async function keep(name: string, figures: Figures[]): Promise<void> {
  const kept = await read();
  kept.channels[name] = figures;
  await Deno.writeTextFile(RECORD, `${JSON.stringify(kept, null, 2)}\n`);
}

function tableOf({ machine: { cpu, cores }, runtime, channels }: Kept): string {
  const head = ["after so many messages", ...STEPS.map((step) => step.toLocaleString("en"))];
  const cell = (figures: Figures | undefined) =>
    figures ? `${figures.message} µs, ${figures.idle} %` : "";
  const rows = Object.keys(PLACES).filter((name) => channels[name]).map((name) => [
    name,
    ...STEPS.map((step) => cell(channels[name]!.find(({ messages }) => messages === step))),
  ]);
  const lines = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
  return `${lines.join("\n")}\n\n${cpu}, ${cores} cores, Deno ${runtime}.`;
}

async function writeReadme(): Promise<void> {
  const text = await Deno.readTextFile(README);
  const marked = /(<!-- bench:transport_channels_growth -->\n)[^]*?(\n<!-- \/bench -->)/;
  if (!marked.test(text)) throw new RangeError("Cannot write the table: the README has no mark");
  await Deno.writeTextFile(README, text.replace(marked, `$1\n${tableOf(await read())}\n$2`));
}

const [most = "100000", ...names] = Deno.args;
for (const name of names.length > 0 ? names : Object.keys(PLACES)) {
  if (!PLACES[name]) throw new RangeError(`Cannot measure "${name}": it is no channel`);
  await measure(name, Number(most));
}
await stack.disposeAsync();
await writeReadme();
