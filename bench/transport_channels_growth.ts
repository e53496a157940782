/**
 * What a message and idling cost after so many messages went through a channel: processor time of
 * the process that has both ends. `deno run -A bench/transport_channels_growth.ts MOST [CHANNEL…]`
 * measures after 1,000 messages, ten times as many, and so on up to `MOST`; keeps the figures in
 * `bench/results/transport_channels_growth.json`, and writes its table into the package's README.
 * Through brokers, folders and buckets most of the messages come otherwise, as that takes hours.
 */
import { cpus } from "node:os";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { openReceiver, openSender, type Receiver, type Sender } from "@vcs/transport/channel";
import { say } from "@vcs/transport/internal";
import { message, newStreamId } from "@vcs/transport/message";
import { startBroker } from "../packages/transport/trial/brokers.ts";
import { freePort } from "../packages/transport/site/free_port.ts";
import { BUCKET, startMoto } from "../packages/transport/testing/moto.ts";
import {
  filesAlone,
  fillBucket,
  fillFolder,
  fillKafka,
  fillNats,
  fillRabbit,
  fillRedis,
  SIZE,
} from "./transport_channels_fill.ts";

const STEPS = [1_000, 10_000, 100_000, 1_000_000];
/** Messages over which their cost is measured, and milliseconds of idling, after a pause. */
const [MEASURED, PAUSE, IDLE] = [500, 2000, 4000];
/** Messages through ends that were just opened, before the cost of others is measured. */
const WARM = 200;
/** Milliseconds after which an end gives up: the machine may have other work. */
const TIMEOUT = 3_600_000;
/** The number with which `s3:` begins: behind those of objects that are put there otherwise. */
const BEHIND = 2_000_000;
const RECORD = new URL("results/transport_channels_growth.json", import.meta.url);
const README = new URL("../packages/transport/README.md", import.meta.url);

/** Messages by their numbers. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** The ends of a channel. */
interface Place {
  readonly sender: string;
  readonly receiver?: string;
  /** Puts messages there otherwise. */
  fill?(range: Range): Promise<void>;
  /**
   * What becomes of these: they wait for each receiver, have been received before, or are put where
   * the receiver has been.
   */
  readonly filled?: "wait" | "gone" | "passed";
  /** Milliseconds after which nothing is done any more that the last message gave cause to. */
  readonly pause?: number;
  /** What the system does for so many messages, without a channel. */
  alone?(count: number): Promise<void>;
}

/** What was measured after some messages. */
interface Figures {
  readonly messages: number;
  /** Microseconds of processor time for each message, both ends. */
  readonly message: number;
  /** Percent of a core while nothing comes. */
  readonly idle: number;
  /** Microseconds for what the system does for a message. */
  readonly alone?: number;
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
  const isSpool = parameters !== "/";
  return {
    sender: `${pathToFileURL(folder)}${parameters}`,
    fill: (range) => fillFolder(folder, range, isSpool),
    filled: isSpool ? "gone" : "wait",
    // A look at a million files is the last, but not within twenty times what it takes.
    pause: isSpool ? PAUSE : 120_000,
    alone: (count) => filesAlone(folder, count),
  };
}

/** How a broker gets messages otherwise. */
const BROKERS = {
  redis: { name: "redis", fill: fillRedis, filled: "gone" },
  amqp: { name: "rabbitmq", fill: fillRabbit, filled: "gone" },
  nats: { name: "nats", fill: fillNats, filled: "gone" },
  kafka: { name: "kafka", fill: fillKafka, filled: "gone" },
} as const;

async function brokerUrl(scheme: keyof typeof BROKERS): Promise<Place> {
  const { name, fill, filled } = BROKERS[scheme];
  const { port } = stack.use(await startBroker(name));
  return {
    sender: `${scheme}://127.0.0.1:${port}`,
    fill: (range) => fill(port, range),
    filled,
  };
}

async function bucketUrl(): Promise<Place> {
  const service = stack.use(await startMoto());
  for (const [name, value] of service.env) Deno.env.set(name, value);
  const template = `archive/window_${String(BEHIND).padStart(16, "0")}.safetensors`;
  return {
    sender: `s3://${BUCKET}/archive?endpoint=http://127.0.0.1:${service.port}`,
    fill: (range) => fillBucket(service, { bucket: BUCKET, template }, range),
    filled: "passed",
  };
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
  redis: () => brokerUrl("redis"),
  amqp: () => brokerUrl("amqp"),
  nats: () => brokerUrl("nats"),
  kafka: () => brokerUrl("kafka"),
  "s3, an archive": bucketUrl,
};

/** Milliseconds of processor time so far. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Messages through a channel, one stream over all calls. */
class Traffic implements AsyncDisposable {
  readonly #place: Place;
  readonly #streamId = newStreamId();
  /** Number of the next message. */
  #next: number;
  #ends: { sender: Sender; receiver: Receiver } | undefined;
  /** Messages that went through, or were put there. */
  count = 0;

  constructor(place: Place) {
    this.#place = place;
    this.#next = place.filled === "passed" ? BEHIND : 0;
  }

  /** Lets so many have been there, all in all, and takes up those that wait. */
  async fill(total: number): Promise<void> {
    const { fill, filled } = this.#place;
    const missing = total - this.count;
    if (!fill || this.count === 0) return await this.run(missing);
    if (filled === "passed") return await this.#put({ from: this.count, to: total });
    await this[Symbol.asyncDispose]();
    await this.#put({ from: this.#next, to: this.#next + missing });
    this.#next += missing;
    await this.#receive(filled === "wait" ? this.count : 0);
    await this.run(WARM);
  }

  async run(count: number): Promise<void> {
    const { sender } = await this.#open();
    const receiving = this.#receive(count);
    for (let i = 0; i < count; i++) {
      const fields = { streamId: this.#streamId, sequence: this.#next++ };
      await sender.send(message(new Uint8Array(SIZE), fields));
    }
    await receiving;
    this.count += count;
  }

  async #put(range: Range): Promise<void> {
    await this.#place.fill!(range);
    this.count += range.to - range.from;
  }

  async #receive(count: number): Promise<void> {
    const { receiver } = await this.#open();
    for (let i = 0; i < count; i++) await (await receiver.receive())!.accept();
  }

  async #open() {
    const { sender, receiver = sender } = this.#place;
    this.#ends ??= {
      receiver: await openReceiver(receiver, { timeout: TIMEOUT }),
      sender: await openSender(sender, { timeout: TIMEOUT }),
    };
    return this.#ends;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ends?.sender.close();
    await this.#ends?.receiver.close();
    this.#ends = undefined;
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Microseconds of processor time for each of some messages. */
async function costOf(run: (count: number) => Promise<void>): Promise<number> {
  const before = cpu();
  await run(MEASURED);
  return Math.round(1000 * (cpu() - before) / MEASURED);
}

/** What messages and idling cost after so many messages. */
async function measureAfter(messages: number, traffic: Traffic, place: Place): Promise<Figures> {
  await traffic.fill(messages - MEASURED);
  const each = await costOf((count) => traffic.run(count));
  await sleep(place.pause ?? PAUSE);
  const idleFrom = cpu();
  await sleep(IDLE);
  const idle = Number((100 * (cpu() - idleFrom) / IDLE).toFixed(1));
  if (!place.alone) return { messages, message: each, idle };
  await traffic[Symbol.asyncDispose]();
  return { messages, message: each, idle, alone: await costOf(place.alone) };
}

/** Measures one place after more and more messages, and then another that has had few. */
async function measure(name: string, most: number): Promise<void> {
  const steps = STEPS.filter((step) => step <= most);
  const place = await PLACES[name]!();
  await using traffic = new Traffic(place);
  const figures: Figures[] = [];
  for (const count of steps) figures.push(await note(name, measureAfter(count, traffic, place)));
  const another = await PLACES[name]!();
  await using fresh = new Traffic(another);
  figures.push(await note(`${name}, another`, measureAfter(steps[0]!, fresh, another)));
  await keep(name, figures);
}

async function note(name: string, measuring: Promise<Figures>): Promise<Figures> {
  const figures = await measuring;
  say(`${name}: ${JSON.stringify(figures)}`);
  return figures;
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

/** Figures by count, and those of another place with as many as the first had. */
function cells(figures: Figures[], cell: (figures: Figures) => string): string[] {
  const found = STEPS.map((step) => figures.find(({ messages }) => messages === step));
  const again = figures.filter(({ messages }) => messages === STEPS[0])[1];
  return [...found, again].map((figures) => figures ? cell(figures) : "");
}

function tableOf({ machine: { cpu, cores }, runtime, channels }: Kept): string {
  const counts = STEPS.map((step) => step.toLocaleString("en"));
  const head = ["after so many messages", ...counts, `then another, ${counts[0]}`];
  const rows = Object.keys(PLACES).filter((name) => channels[name]).flatMap((name) => {
    const figures = channels[name]!;
    const costs = cells(figures, ({ message, idle }) => `${message} µs, ${idle} %`);
    if (!figures.some(({ alone }) => alone !== undefined)) return [[name, ...costs]];
    const alone = cells(figures, ({ alone }) => alone === undefined ? "" : `${alone} µs`);
    return [[name, ...costs], [`its files alone`, ...alone]];
  });
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
