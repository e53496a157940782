/**
 * The command of this package: numbered messages through channels, to try a channel out and to
 * see what becomes of them when an end is killed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openReceiver, openSender } from "./channel.ts";
import { print, say, UsageError } from "./cli.ts";
import { systemClock } from "./flow/clock.ts";
import { deliveryTable } from "./delivery.ts";
import { message, newStreamId } from "./message.ts";

const HELP = `Numbered messages through channels

  transport send URL     send numbered messages; prints the number acknowledged as it grows
  transport receive URL  print stream, sequence and length of each message, then accept it
  transport trial [URL]  send through the channels while the receiver is killed and started
                         again; prints sent, received, duplicated, lost and in flight at most
  transport delivery     what each channel promises

Options
  --count N    messages to send (100)
  --from N     sequence of the first message (0)
  --size N     bytes of payload (2880)
  --pace MS    milliseconds between two messages (5)
  --stream ID  stream id, 16 hexadecimal digits (random)
  --kills N    how often the trial kills the receiver (3)
  --help       this text

URLs: file:folder tcp://host:port zmq+push://… zmq+pull://… zmq+pub://… zmq+sub://…
      redis://host:port/0 amqp://host:port nats://host:port
Without URLs the trial takes all channels, with brokers of its own where their programs are.
`;

const OPTIONS = {
  count: { type: "string", default: "100" },
  from: { type: "string", default: "0" },
  size: { type: "string", default: "2880" },
  pace: { type: "string", default: "5" },
  kills: { type: "string", default: "3" },
  stream: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** What the options say. */
export interface ChannelCommand {
  readonly count: number;
  readonly from: number;
  readonly size: number;
  readonly pace: number;
  readonly kills: number;
  readonly streamId: string;
}

/** Runs the command. */
export async function main(args: string[], signal: AbortSignal): Promise<number | void> {
  const { positionals: [command, ...urls], values } = parse(args);
  if (values.help || command === undefined) return print(HELP);
  const options: ChannelCommand = {
    count: whole("count", values.count),
    from: whole("from", values.from),
    size: whole("size", values.size),
    pace: whole("pace", values.pace),
    kills: whole("kills", values.kills),
    streamId: values.stream ?? newStreamId(),
  };
  if (command === "delivery") return print(deliveryTable());
  if (command === "send") return await send(only(urls), options, signal);
  if (command === "receive") return await receive(only(urls), signal);
  if (command !== "trial") throw new UsageError(`Unknown command "${command}"`);
  const { runTrials } = await import("./channel_trial.ts");
  return await runTrials(urls, options, signal);
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(`--${name} must be a whole number, found "${text}"`);
}

function only(urls: string[]): string {
  const [url, ...others] = urls;
  if (url !== undefined && others.length === 0) return url;
  throw new UsageError(`One URL is needed, found ${urls.length}`);
}

async function send(url: string, options: ChannelCommand, signal: AbortSignal): Promise<void> {
  const { count, from, size, pace, streamId } = options;
  await using sender = await openSender(url, { signal });
  for (let sequence = from; sequence < from + count; sequence++) {
    const payload = new Uint8Array(size).fill(sequence);
    await sender.send(message(payload, { streamId, sequence, key: true }));
    print(`${from + sender.counters.acknowledged}`);
    await systemClock.sleep(pace, signal);
  }
  await sender.flush();
  print(`${from + sender.counters.acknowledged}`);
}

async function receive(url: string, signal: AbortSignal): Promise<void> {
  await using receiver = await openReceiver(url, { signal });
  say(`Receiving from ${receiver.url}`);
  for (;;) {
    const delivery = await receiver.receive();
    if (!delivery) return;
    const { streamId, sequence, payload } = delivery.message;
    print(`${streamId} ${sequence} ${payload.length}`);
    await delivery.accept();
  }
}
