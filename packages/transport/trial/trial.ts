/**
 * The trial of channels: messages are sent while the receiver, a process of its own, is killed
 * and started again; what arrived is counted.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import { type Broker, type BrokerName, hasBroker, startBroker } from "./brokers.ts";
import { freePort } from "../site/free_port.ts";
import { openSender } from "../channel.ts";
import { systemClock } from "../flow/clock.ts";
import { print, say } from "../command/terminal.ts";
import { UsageError } from "../command/usage_error.ts";
import { type ChannelName, DELIVERY, keeps } from "../delivery.ts";
import { shownText } from "../io/credentials.ts";
import { message, newStreamId } from "../message.ts";

/** Milliseconds that the receiver stays dead, so that the sender runs into the bound. */
const DEAD = 300;
/** Milliseconds without a new message after which the rest is lost. */
const SETTLE = { lossless: 60_000, lossy: 1500 };
/** The limit of a channel whose URL names none, and of the URLs below. */
const LIMIT = 3;

/** What is sent, and how often the receiver is killed. */
export interface TrialOptions {
  /** Number of messages. */
  readonly count: number;
  /** Bytes of each payload. */
  readonly size: number;
  /** Milliseconds between two messages. */
  readonly pace: number;
  /** How often the receiver is killed. */
  readonly kills: number;
  /** Stream id, 16 hexadecimal digits. Default: random. */
  readonly stream?: string;
}

/** Where a channel is tried. */
interface Place {
  readonly channel: ChannelName;
  readonly sender: string;
  readonly receiver: string;
}

/** What became of the messages. */
export interface TrialResult {
  readonly channel: ChannelName;
  readonly sent: number;
  readonly received: number;
  readonly duplicated: number;
  readonly lost: number;
  /** The most messages sent and not received while the receiver was dead. */
  readonly inFlight: number;
  /** How many there may be; Infinity for an archive. */
  readonly allowed: number;
  /** Whether nothing was lost that the channel promises to keep, and no more was in flight. */
  readonly kept: boolean;
}

/** Tries channels and prints the table; the exit code is 1 where a promise was broken. */
export async function runTrials(
  urls: readonly string[],
  options: TrialOptions,
  signal: AbortSignal,
): Promise<number> {
  const results: TrialResult[] = [];
  await using brokers = new AsyncDisposableStack();
  const places = urls.length > 0 ? urls.map(placeOfUrl) : allPlaces(brokers);
  for await (const place of places) {
    say(`Trying ${place.channel} …`);
    results.push(await runTrial(place, options, signal));
  }
  print(trialTable(results));
  return results.every(({ kept }) => kept) ? 0 : 1;
}

/** Tries one channel. */
export async function runTrial(
  { channel, sender: url, receiver }: Place,
  { count, size, pace, kills, stream: streamId = newStreamId() }: TrialOptions,
  signal: AbortSignal,
): Promise<TrialResult> {
  const seen = new Map<number, number>();
  const heard = (sequence: number) => seen.set(sequence, (seen.get(sequence) ?? 0) + 1);
  await using sender = await openSender(url, { signal });
  const end = new AbortController();
  const over = AbortSignal.any([signal, end.signal]);
  let inFlight = 0;
  let child = new ReceiverProcess(receiver, streamId, heard);
  // Subscribers miss what is sent before they are there; the others need not wait.
  await child.ready;
  const killing = (async () => {
    for (let kill = 1; kill <= kills; kill++) {
      while (sender.counters.sent < count * kill / (kills + 1)) await systemClock.sleep(2, over);
      await child.kill();
      await systemClock.sleep(DEAD, over);
      inFlight = Math.max(inFlight, sender.counters.sent - seen.size);
      child = new ReceiverProcess(receiver, streamId, heard);
    }
  })();
  const sending = (async () => {
    for (let sequence = 0; sequence < count; sequence++) {
      await sender.send(message(new Uint8Array(size), { streamId, sequence, key: true }));
      await systemClock.sleep(pace, over);
    }
  })();
  const lossless = keeps(channel, "receiverKilled");
  try {
    await Promise.all([killing, sending]);
    await settle(seen, count, lossless ? SETTLE.lossless : SETTLE.lossy, signal);
  } finally {
    end.abort();
    await Promise.allSettled([killing, sending]);
    await child.kill();
  }
  const lost = count - seen.size;
  const duplicated = [...seen.values()].reduce((sum, times) => sum + times - 1, 0);
  if (!lossless) inFlight = sender.counters.mostInFlight;
  const allowed = allowedOf(channel, new URL(sender.url).searchParams);
  const kept = (!lossless || lost === 0) && inFlight <= allowed;
  return { channel, sent: count, received: seen.size, duplicated, lost, inFlight, allowed, kept };
}

/** How many messages may be in flight, by the limit or the credits of a URL. */
function allowedOf(channel: ChannelName, parameters: URLSearchParams): number {
  const limit = parameters.get("limit") ?? parameters.get("credits");
  if (channel === "file" && limit === null) return Infinity;
  return DELIVERY[channel].inFlight(Number(limit ?? LIMIT));
}

/** Waits until everything came or nothing more comes. */
async function settle(
  seen: ReadonlyMap<number, number>,
  count: number,
  quiet: number,
  signal: AbortSignal,
): Promise<void> {
  let size = seen.size;
  for (let since = performance.now(); seen.size < count;) {
    await systemClock.sleep(20, signal);
    if (seen.size > size) since = performance.now();
    else if (performance.now() - since > quiet) return;
    size = seen.size;
  }
}

/** `transport receive` as a process of its own. */
class ReceiverProcess {
  /** Fulfilled when the receiver is open. */
  readonly ready: Promise<void>;
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;

  constructor(url: string, streamId: string, heard: (sequence: number) => void) {
    const script = import.meta.resolve("../mod.ts");
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "-A", script, "receive", url],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = eachLine(this.#process.stdout, (line) => {
      const [stream, sequence] = line.split(" ");
      if (stream === streamId) heard(Number(sequence));
    });
    this.ready = new Promise((resolve) => {
      void eachLine(this.#process.stderr, () => resolve()).then(() => resolve());
    });
  }

  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // Ctrl-C in a terminal has ended it, too.
    }
    await this.#process.status;
    await this.#reading;
    await this.ready;
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  heard: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(heard);
  }
}

function placeOfUrl(given: string): Place {
  // Both ends have to know the port.
  const url = given.replace(/^((?:tcp|zmq\+\w+):\/\/[^/?]*):0(?=[/?]|$)/, `$1:${freePort()}`);
  const known: [RegExp, ChannelName, string][] = [
    [/^file:/, "file", "file:"],
    [/^tcp:/, "tcp", "tcp:"],
    [/^ws:/, "ws", "ws:"],
    [/^zmq\+push:/, "zmq-push", "zmq+pull:"],
    [/^zmq\+pub:/, "zmq-pub", "zmq+sub:"],
    [/^rediss?:/, "redis", "$&"],
    [/^amqps?:/, "amqp", "$&"],
    [/^nats:/, "nats", "nats:"],
    [/^kafka:/, "kafka", "kafka:"],
    [/^s3:/, "s3", "s3:"],
  ];
  const found = known.find(([scheme]) => scheme.test(url));
  if (!found) throw new UsageError(`The trial does not know ${shownText(url)}`);
  const [scheme, channel, receiving] = found;
  return { channel, sender: url, receiver: url.replace(scheme, receiving) };
}

/** Every channel on this machine. */
async function* allPlaces(stack: AsyncDisposableStack): AsyncGenerator<Place> {
  const folder = await Deno.makeTempDir({ prefix: "vcs-trial-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const local = () => `127.0.0.1:${freePort()}`;
  yield placeOfUrl(`${pathToFileURL(folder)}?limit=${LIMIT}`);
  yield placeOfUrl(`tcp://${local()}?credits=${LIMIT}`);
  yield placeOfUrl(`ws://${local()}/?credits=${LIMIT}`);
  yield placeOfUrl(`zmq+push://${local()}?credits=${LIMIT}`);
  yield placeOfUrl(`zmq+pub://${local()}?credits=${LIMIT}`);
  const urls: [BrokerName, (broker: Broker) => string][] = [
    ["redis", ({ port }) => `redis://127.0.0.1:${port}/0?limit=${LIMIT}&claim=1000`],
    ["rabbitmq", ({ port }) => `amqp://127.0.0.1:${port}?limit=${LIMIT}`],
    ["nats", ({ port }) => `nats://127.0.0.1:${port}?limit=${LIMIT}&wait=1000`],
    ["kafka", ({ port }) => `kafka://127.0.0.1:${port}?limit=${LIMIT}&wait=1000`],
  ];
  for (const [name, url] of urls) {
    if (!hasBroker(name)) say(`Skipping ${name}: its program is not installed`);
    else yield placeOfUrl(url(stack.use(await startBroker(name))));
  }
}

/** The results in columns. */
export function trialTable(results: readonly TrialResult[]): string {
  const head = [
    "channel",
    "sent",
    "received",
    "duplicated",
    "lost",
    "in flight",
    "allowed",
    "kept",
  ];
  const rows = results.map((result) =>
    [
      result.channel,
      result.sent,
      result.received,
      result.duplicated,
      keeps(result.channel, "receiverKilled") ? result.lost : `${result.lost} (may)`,
      result.inFlight,
      result.allowed === Infinity ? "any" : result.allowed,
      result.kept ? "yes" : "NO",
    ].map(String)
  );
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: string[]) =>
    row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd();
  return [head, ...rows].map(line).join("\n");
}
